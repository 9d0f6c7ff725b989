begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(14);
select tests.freeze('2026-10-01 12:00:00+00');
select tests.make_package() as package_id, tests.make_user('ann@scrip.example') as ann_id, tests.make_user('bob@scrip.example') as bob_id, tests.make_user('eve@scrip.example') as eve_id \gset
select admin.grant_credits(user_id, 1000, 'for a test') from unnest(array[:'ann_id', :'bob_id', :'eve_id']::uuid[]) as user_id \g /dev/null
select admin.set_unlimited(:'eve_id', true, 'for a test') \g /dev/null
create function tests.run(p_user_id uuid, p_output bigint)
returns void
language sql
as $$ select tests.settle(p_user_id, tests.reserve(p_user_id, p_model => 'gpt-4o'), 0, p_output) $$;
create function tests.preview(p_monthly_usd numeric, p_daily_usd numeric, p_runs_per_hour integer, p_tier text default 'free')
returns text[]
language sql
as $$
  select array_agg(format('%s: %s from %s, %s of %s runs, %s', email, limit_source, to_char(first_refused_at at time zone 'UTC', 'MM-DD HH24:MI'), refused_runs, runs, cost_usd) order by refused_runs desc, email)
  from admin.preview_limits(p_tier, p_monthly_usd, p_daily_usd, p_runs_per_hour)
$$;
-- Two dollars per 100,000 tokens: 1000 tokens cost 0.02.
select tests.run(:'ann_id', 4000) \g /dev/null
select tests.freeze('2026-10-21 12:00:00+00');
select tests.run(:'ann_id', 2000), tests.advance('1 minute'), tests.run(:'ann_id', 500), tests.run(:'bob_id', 1000), tests.run(:'eve_id', 4000) \g /dev/null
select tests.freeze('2026-11-05 12:00:00+00');
select tests.run(:'ann_id', 1000), tests.advance('1 minute'), tests.run(:'ann_id', 1000) \g /dev/null
select tests.freeze('2026-11-20 12:00:00+00');

select is(tests.preview(null, null, null), null, 'under the limits as they are nobody would have been refused');
select is(tests.preview(null, 0.04, null), array['ann@scrip.example: cost_day from 10-21 12:01, 1 of 4 runs, 0.09'], 'under others these: by which limit, since when, how many of how many runs, and what all of them cost');
select is(tests.preview(null, null, 1), array['ann@scrip.example: runs_hour from 10-21 12:01, 2 of 4 runs, 0.09'], 'each limit may be tried alone');
select is(tests.preview(0.09, null, null), array['ann@scrip.example: cost_month from 10-21 12:01, 1 of 4 runs, 0.09'], 'a month counts from its beginning, also where that lies further back');
select is(
  tests.preview(0, 0, 0), array['ann@scrip.example: runs_hour from 10-21 12:00, 4 of 4 runs, 0.09', 'bob@scrip.example: runs_hour from 10-21 12:01, 1 of 1 runs, 0.02'],
  'under limits of 0 all of the tier, and nobody of another'
);
select is(tests.preview(0, 0, 0, 'prpm_plus_org'), null, 'a tier in which nobody ran');
select admin.set_user_limit(:'bob_id', 'a partner', p_monthly_usd => 1, p_daily_usd => 1, p_runs_per_hour => 10) \g /dev/null
select is(tests.preview(0, 0, 0), array['ann@scrip.example: runs_hour from 10-21 12:00, 4 of 4 runs, 0.09'], 'who has limits of their own is not touched');
select is((select (monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour)::text from playground.tiers where tier = 'free'), '(0.500000000000,0.100000000000,10)', 'nothing is changed');
select is_empty($$ select from playground.audit_log where action = 'set_limits' $$, 'and nothing written');
select tests.advance('1 day') \g /dev/null
select is(tests.preview(null, null, 1), array['ann@scrip.example: runs_hour from 11-05 12:01, 1 of 2 runs, 0.04'], 'what is older than 30 days is not told');
select throws_ok(format('select * from admin.preview_limits(%L, %s)', tier, arguments), code, null, about)
from (values
  ('free', '-1, null, null', 'SCD02', 'a limit is not negative'), ('free', 'null, ''NaN'', null', 'SCD02', 'nor no number'), ('free', 'null, null, -1', 'SCD02', 'nor are runs'),
  ('gold', 'null, null, null', 'SCD04', 'an unknown tier is refused')
) as listed (tier, arguments, code, about);
select * from finish();
rollback;
