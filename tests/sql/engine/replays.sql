begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(27);
select tests.freeze('2026-10-10 00:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100000) as ann_id, tests.make_user_with(100000) as bob_id, tests.make_user_with(100000) as eve_id \gset
create function tests.run(p_user_id uuid, p_model text default 'gpt-4o-mini', p_output bigint default 50, p_outcome text default 'completed')
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, p_model => p_model);
begin
  if v_run ->> 'refusal' is not null then
    return v_run -> 'refusal_detail' ->> 'limitSource';
  elsif p_outcome = 'completed' then
    -- What a model is allowed to say, it says no more than.
    perform tests.settle(p_user_id, v_run, 10, least(p_output, (v_run ->> 'max_output_tokens')::bigint));
  else
    perform tests.release(p_user_id, v_run, p_outcome);
  end if;
  return 'started';
end $$;
create function tests.replay(p_user_id uuid, p_monthly_usd numeric default null, p_daily_usd numeric default null, p_runs_per_hour integer default null)
returns text[]
language sql
as $$
  select array_agg(format('%s %s %s', to_char(reserved_at at time zone 'UTC', 'DD HH24:MI'), trim_scale(round(cost_usd, 4)), coalesce(refused_by, 'starts')) order by reserved_at)
  from engine.replay_runs('free', p_monthly_usd, p_daily_usd, p_runs_per_hour, engine.now() - interval '30 days', engine.now())
  where user_id = p_user_id
$$;

-- The oracle: the same runs, played by one person without limits and replayed, and by another under the limits.
create function tests.play(p_user_id uuid, p_seed double precision)
returns table (reserved_at timestamptz, outcome text)
language plpgsql
as $$
declare
  v_start constant timestamptz := '2026-10-25 00:00:00+00';
  v_minutes integer := 0;
  v_model text;
  v_output bigint;
begin
  perform setseed(p_seed);
  for v_i in 1 .. 160 loop
    v_minutes := v_minutes + 1 + floor(random() ^ 6 * 1500)::integer;
    v_model := (array['gpt-4o-mini', 'gpt-4o-mini', 'gpt-4o', 'gpt-4-turbo'])[1 + floor(random() * 4)::integer];
    v_output := 20 + floor(random() * 3000)::bigint;
    perform set_config('tests.now', (v_start + make_interval(mins => v_minutes))::text, true);
    reserved_at := engine.now();
    outcome := tests.run(p_user_id, v_model, v_output, case when random() < 0.05 then 'provider_refused' else 'completed' end);
    return next;
  end loop;
end $$;
select admin.set_limits('free', 1000, 1000, 1000, 'for a test') \g /dev/null
create temporary table loose as select * from tests.play(:'ann_id', 0.42);
select admin.set_limits('free', 0.9, 0.09, 4, 'for a test') \g /dev/null
create temporary table tight as select * from tests.play(:'bob_id', 0.42);
select engine.now() as finish \gset
select is(count(*) filter (where outcome <> 'started'), 0::bigint, 'without limits nothing was refused') from loose;
select is(
  array_agg(outcome order by outcome), array['cost_day', 'cost_month', 'runs_hour', 'started'], 'under these limits each of them refused some'
)
from (select distinct outcome from tight) as seen;
select tests.freeze('2026-11-24 00:00:00+00');
select results_eq(
  format($$ select reserved_at, coalesce(refused_by, 'started') from engine.replay_runs('free', null, null, null, '2026-10-25 00:00:00+00', '2027-01-01 00:00:00+00') where user_id = %L order by 1 $$, :'ann_id'),
  'select reserved_at, outcome from tight order by 1',
  'the replay of runs that nothing refused is what the limits do to the same runs, one by one'
);
select is(array_agg(distinct refused_by), array[null::text], 'what limits let start, they let start again')
from engine.replay_runs('free', null, null, null, '2026-10-25 00:00:00+00', '2027-01-01 00:00:00+00') where user_id = :'bob_id';
select is(
  (select count(refused_by) from engine.replay_runs('free', 1000, 1000, 1000, '2026-10-25 00:00:00+00', '2027-01-01 00:00:00+00')), 0::bigint, 'limits that are given go before those of the tier'
);

-- One rule after the other.
select admin.set_limits('free', 1000, 1000, 1000, 'for a test') \g /dev/null
select tests.freeze('2026-11-30 22:30:00+00');
select tests.run(:'eve_id', 'gpt-4o', 1000), tests.advance('10 minutes'), tests.run(:'eve_id', 'gpt-4o', 2000), tests.advance('1 hour'), tests.run(:'eve_id', 'gpt-4o', 1000),
  tests.advance('1 hour'), tests.run(:'eve_id', 'gpt-4o', 500) \g /dev/null
select tests.freeze('2026-12-01 12:00:00+00');
select is(
  tests.replay(:'eve_id'), array['30 22:30 0.0201 starts', '30 22:40 0.0401 starts', '30 23:40 0.0201 starts', '01 00:40 0.0101 starts'], 'runs are told in order, with what they cost'
);
select is(
  array_agg(reserved_at), array['2026-11-30 22:40:00+00'::timestamptz], 'since an instant until another'
)
from engine.replay_runs('free', null, null, null, '2026-11-30 22:40:00+00', '2026-11-30 23:40:00+00') where user_id = :'eve_id';
select is(tests.replay(:'eve_id', p_runs_per_hour => 1), array['30 22:30 0.0201 starts', '30 22:40 0.0401 runs_hour', '30 23:40 0.0201 starts', '01 00:40 0.0101 starts'], 'the second of an hour');
select is(tests.replay(:'eve_id', p_runs_per_hour => 0), array['30 22:30 0.0201 runs_hour', '30 22:40 0.0401 runs_hour', '30 23:40 0.0201 runs_hour', '01 00:40 0.0101 runs_hour'], '0 an hour refuses all');
select is(tests.replay(:'eve_id', p_daily_usd => 0.03), array['30 22:30 0.0201 starts', '30 22:40 0.0401 starts', '30 23:40 0.0201 cost_day', '01 00:40 0.0101 starts'],
  'a longer answer would have been shortened to the room, and used it up');
select is(tests.replay(:'eve_id', p_daily_usd => 0.0202), array['30 22:30 0.0201 starts', '30 22:40 0.0401 cost_day', '30 23:40 0.0201 cost_day', '01 00:40 0.0101 starts'],
  'a run that is refused counts no further: the day stays as full as it was');
select is(tests.replay(:'eve_id', p_monthly_usd => 0.0202, p_daily_usd => 0.05), array['30 22:30 0.0201 starts', '30 22:40 0.0401 cost_month', '30 23:40 0.0201 cost_month', '01 00:40 0.0101 starts'],
  'the tighter limit is told, and a month begins anew');
select is((select sum(cost_usd) from playground.cost_windows where user_id = :'eve_id' and kind = 'day'), (select sum(cost_usd) from playground.usage where user_id = :'eve_id'), 'nothing of it happened');

-- Limits of a person.
select admin.set_user_limit(:'eve_id', 'for a test', p_runs_per_hour => 1) \g /dev/null
select is(tests.replay(:'eve_id', p_runs_per_hour => 50), array['30 22:30 0.0201 starts', '30 22:40 0.0401 runs_hour', '30 23:40 0.0201 starts', '01 00:40 0.0101 starts'], 'limits of a person go first');
update playground.user_limits set is_temporary = true, set_at = '2026-11-30 23:00:00+00', ends_at = '2026-12-01 00:00:00+00', runs_per_hour = 0;
select is(tests.replay(:'eve_id'), array['30 22:30 0.0201 starts', '30 22:40 0.0401 starts', '30 23:40 0.0201 runs_hour', '01 00:40 0.0101 starts'], 'those that end, while they lasted');
select admin.end_user_limit(:'eve_id', 'for a test') \g /dev/null

-- Exempted windows, runs of another tier, tiers without limits.
update playground.cost_windows set is_exempt = true where user_id = :'eve_id' and kind = 'day' and starts_at = '2026-11-30 00:00:00+00';
select is(tests.replay(:'eve_id', p_daily_usd => 0.001), array['30 22:30 0.0201 starts', '30 22:40 0.0401 starts', '30 23:40 0.0201 starts', '01 00:40 0.0101 cost_day'], 'a window that an operator exempted refuses nothing');
select admin.set_plan(:'eve_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.run(:'eve_id', 'gpt-4o', 1000) \g /dev/null
select admin.end_plan(:'eve_id', false, 'for a test') \g /dev/null
select tests.advance('1 minute'), tests.run(:'eve_id', 'gpt-4o', 1000), tests.advance('1 hour') \g /dev/null
select is((tests.replay(:'eve_id', p_daily_usd => 0.05))[5:], array['01 12:01 0.0201 starts'], 'a run of another tier is not judged');
select is((tests.replay(:'eve_id', p_daily_usd => 0.0302))[5:], array['01 12:01 0.0201 cost_day'], 'but counts');
select is((tests.replay(:'eve_id', p_runs_per_hour => 1))[5:], array['01 12:01 0.0201 runs_hour'], 'as a run too');
select is_empty($$ select from engine.replay_runs('unlimited', 0, 0, 0, '2026-01-01 00:00:00+00', '2027-01-01 00:00:00+00') $$, 'a tier without limits has none to replay');

-- Bought budget, and bought credits.
select tests.make_user() as joe_id \gset
select tests.buy(:'joe_id', 1000, 10) \g /dev/null
select admin.set_limits('free', 0.5, 0.02, 2, 'for a test') \g /dev/null
select tests.run(:'joe_id', 'gpt-4o', 2000), tests.advance('1 minute'), tests.run(:'joe_id', 'gpt-4o', 2000), tests.advance('1 minute'), tests.run(:'joe_id', 'gpt-4o', 2000), tests.advance('1 minute') \g /dev/null
select is(tests.replay(:'joe_id'), array['01 13:01 0.02 starts', '01 13:02 0 starts', '01 13:03 0 starts'], 'what the bought budget paid does not count, and refuses nothing; nor do two runs an hour, while bought credits remain');
select is((tests.replay(:'joe_id', p_runs_per_hour => 0))[1], '01 13:01 0.02 starts', 'whatever the tier''s number is');
select admin.set_user_limit(:'joe_id', 'for a test', p_runs_per_hour => 2) \g /dev/null
select is((tests.replay(:'joe_id'))[3], '01 13:03 0 runs_hour', 'but not this person''s own');
select admin.end_user_limit(:'joe_id', 'for a test') \g /dev/null
select admin.set_setting('paid_runs_per_hour', '2', 'for a test') \g /dev/null
select is((tests.replay(:'joe_id', p_runs_per_hour => 1))[3], '01 13:03 0 runs_hour', 'nor more than the setting says');
select is((tests.replay(:'joe_id', p_runs_per_hour => 3))[3], '01 13:03 0 starts', 'unless the tier gives more');

-- A release by a provider is no run, and what is under way is left out.
select admin.set_setting('paid_runs_per_hour', '100', 'for a test'), admin.set_limits('free', 100, 100, 100, 'for a test') \g /dev/null
select tests.make_user_with(100) as kim_id \gset
select tests.run(:'kim_id', p_outcome => 'provider_refused'), tests.advance('1 minute'), tests.run(:'kim_id'), tests.advance('1 minute'), tests.reserve(:'kim_id'), tests.advance('1 second') \g /dev/null
select is(cardinality(tests.replay(:'kim_id', p_runs_per_hour => 1)), 2, 'a run under way is left out');
select is((tests.replay(:'kim_id', p_runs_per_hour => 1))[2] like '% starts', true, 'and one that its provider failed does not count');
select * from finish();
rollback;
