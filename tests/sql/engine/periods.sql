begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(54);
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_package() as package_id, tests.make_plan_of(300, 200), tests.make_plan_of(0, 200) \gset
create function tests.periods(p_user_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s: %s to %s', number, to_char(period_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), to_char(period_end at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) order by number)
  from playground.periods
  where account_id = p_user_id
$$;
create function tests.spend(p_user_id uuid, p_tokens bigint)
returns void
language sql
as $$ select tests.settle(p_user_id, tests.reserve(p_user_id, tests.text_of(least(15000, p_tokens)), p_use_no_prompt => true), p_tokens, 0) $$;
create function tests.free(p_user_id uuid)
returns uuid
language sql
as $$ select admin.set_unlimited(p_user_id, true, 'for a test'); select p_user_id $$;

-- Months are counted from the anchor, in UTC.
select is(engine.month_after('2026-01-31 10:30:00+00', months), ends_at, format('Jan 31 + %s months', months))
from (values
  (0, '2026-01-31 10:30:00+00'::timestamptz), (1, '2026-02-28 10:30:00+00'), (2, '2026-03-31 10:30:00+00'), (13, '2027-02-28 10:30:00+00'), (25, '2028-02-29 10:30:00+00'), (-2, '2025-11-30 10:30:00+00')
) as listed (months, ends_at);
create function tests.month_in(p_zone text, p_anchor timestamptz, p_months integer)
returns text
language plpgsql
as $$
declare
  v_text text;
begin
  perform set_config('timezone', p_zone, true);
  v_text := engine.iso(engine.month_after(p_anchor, p_months));
  perform set_config('timezone', 'UTC', true);
  return v_text;
end $$;
select is(tests.month_in(zone, anchor::timestamptz, 1), ends_at, format('%s + 1 month as seen from %s', anchor, zone))
from unnest(array['UTC', 'Pacific/Kiritimati', 'America/St_Johns']) as zone
cross join (values ('2026-03-30 12:00:00+00', '2026-04-30T12:00:00.000000Z'), ('2026-03-01 01:00:00+00', '2026-04-01T01:00:00.000000Z')) as listed (anchor, ends_at);

-- A plan begins.
select tests.free(tests.make_user()) as ann_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') as plan_id \gset
select is(tests.ledger(:'ann_id'), array['1 signup +5 = 5 (signup +5)', '2 monthly +100 = 105 (period +100)'], 'the first month is granted at once');
select is(tests.periods(:'ann_id'), array['1: 2026-01-31 10:30 to 2026-02-28 10:30'], 'and confirmed');
select is((metadata, description)::text, ('{"periodEnd": "2026-02-28T10:30:00.000000Z", "periodStart": "2026-01-31T10:30:00.000000Z"}'::jsonb, 'PRPM+ monthly credits')::text, 'the history says which month it is for')
from playground.transactions where account_id = :'ann_id' and number = 2;
select is((expires_at, subscription_id)::text, ('2026-02-28 10:30:00+00'::timestamptz, :'plan_id'::uuid)::text, 'its credits last as long as it') from playground.grants where account_id = :'ann_id' and bucket = 'monthly';
select is((p.grant_id, p.confirmed_at)::text, (g.grant_id, '2026-01-31 10:30:00+00'::timestamptz)::text, 'the period knows its grant')
from playground.periods p join playground.grants g on g.account_id = p.account_id and g.bucket = 'monthly' where p.account_id = :'ann_id';
select throws_ok(format('select engine.start_subscription(%L, %L, engine.now(), engine.now())', :'ann_id', 'prpm_plus_org'), 'SCD05', null, 'one plan is live at a time');

-- The month turns.
select tests.spend(:'ann_id', 12000) \g /dev/null
select tests.freeze('2026-02-28 10:29:59.999999+00');
select api.get_balance(:'ann_id') \g /dev/null
select is(cardinality(tests.ledger(:'ann_id')), 3, 'nothing turns before its instant');
select tests.freeze('2026-02-28 10:30:00+00');
select api.get_balance(:'ann_id') \g /dev/null
select is(
  (tests.ledger(:'ann_id'))[4:],
  array['4 rollover +0 = 102 (period -97, rollover +97)', '5 monthly +100 = 202 (period +100)'],
  'unused monthly credits roll over, then the new month is granted'
);
select is(expires_at, '2026-03-31 10:30:00+00', 'rollover lasts one period') from playground.grants where account_id = :'ann_id' and bucket = 'rollover';
select tests.spend(:'ann_id', 3000) \g /dev/null
select tests.freeze('2026-03-31 10:30:00+00');
select api.get_balance(:'ann_id') \g /dev/null
select is(
  (tests.ledger(:'ann_id'))[6:],
  array['6 spend -1 = 201 (period -1)', '7 expire -97 = 104 (rollover -97)', '8 rollover +0 = 104 (period -99, rollover +99)', '9 monthly +100 = 204 (period +100)'],
  'old rollover expires, it does not roll over again'
);
select is(tests.periods(:'ann_id'), array['1: 2026-01-31 10:30 to 2026-02-28 10:30', '2: 2026-02-28 10:30 to 2026-03-31 10:30', '3: 2026-03-31 10:30 to 2026-04-30 10:30'], 'periods join without gap or overlap');

-- The cap, with a plan of 300 a month.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.free(tests.make_user()) as bob_id \gset
select admin.set_plan(:'bob_id', 'test_300', null, 'for a test') as bob_plan \gset
select tests.freeze('2026-02-28 10:30:00+00');
select api.get_balance(:'bob_id') \g /dev/null
select is(
  (tests.ledger(:'bob_id'))[2:],
  array['2 monthly +300 = 305 (period +300)', '3 rollover +0 = 305 (period -200, rollover +200)', '4 expire -100 = 205 (period -100)', '5 monthly +300 = 505 (period +300)'],
  'at most 200 roll over, the rest expires'
);
update playground.plans set rollover_cap = 300 where plan = 'test_300';
select tests.freeze('2026-03-31 10:30:00+00');
select api.get_balance(:'bob_id') \g /dev/null
select is(
  (tests.ledger(:'bob_id'))[6:], array['6 expire -200 = 305 (rollover -200)', '7 rollover +0 = 305 (period -300, rollover +300)', '8 monthly +300 = 605 (period +300)'],
  'the cap is a number of the plan'
);
update playground.plans set rollover_cap = 0 where plan = 'test_300';
select tests.freeze('2026-04-30 10:30:00+00');
select api.get_balance(:'bob_id') \g /dev/null
select is((tests.ledger(:'bob_id'))[9:], array['9 expire -300 = 305 (rollover -300)', '10 expire -300 = 5 (period -300)', '11 monthly +300 = 305 (period +300)'], 'none rolls over where it is 0');

-- Held credits neither roll over nor expire.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.free(tests.make_user()) as eve_id \gset
select admin.set_plan(:'eve_id', 'test_300', null, 'for a test') \g /dev/null
update playground.plans set rollover_cap = 200 where plan = 'test_300';
select tests.freeze('2026-02-28 10:29:00+00');
select tests.reserve(:'eve_id', tests.text_of(15000), 'opus', p_use_no_prompt => true) as run, tests.reserve(:'eve_id', 'x', p_use_no_prompt => true) as other_run \gset
select tests.freeze('2026-02-28 10:31:00+00');
select tests.settle(:'eve_id', :'run', 9999, 1) \g /dev/null
select is(
  (tests.ledger(:'eve_id'))[3:],
  array['3 rollover +0 = 305 (period -200, rollover +200)', '4 expire -79 = 226 (period -79)', '5 monthly +300 = 526 (period +300)', '6 spend -10 = 516 (period -10)', '7 expire -10 = 506 (period -10)'],
  'a run over the turn of the month spends what it held of the old one; the rest of that expires as it comes back'
);
select tests.release(:'eve_id', :'other_run') \g /dev/null
select is((tests.ledger(:'eve_id'))[8], '8 expire -1 = 505 (period -1)', 'as does what a release gives back');

-- A plan ends with its period.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_user() as joe_id \gset
select admin.set_plan(:'joe_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.freeze('2026-03-01 00:00:00+00');
select admin.end_plan(:'joe_id', true, 'for a test') \g /dev/null
select is(engine.tier_of(:'joe_id'), 'prpm_plus_individual', 'a plan that is to end goes on');
select is((api.get_user(:'joe_id') -> 'subscription')::jsonb, '{"plan": "prpm_plus", "status": "active", "isActive": true, "cancelAtPeriodEnd": true, "currentPeriodEnd": "2026-03-31T10:30:00.000000Z"}'::jsonb, 'and says so');
select tests.freeze('2026-03-31 10:30:00+00');
select is((api.get_balance(:'joe_id') ->> 'balance')::bigint, 5::bigint, 'to the end of its period');
select is((tests.ledger(:'joe_id'))[5:], array['5 expire -100 = 105 (period -100)', '6 expire -100 = 5 (rollover -100)'], 'then all unused expires, nothing rolls over');
select is((status, ended_at)::text, ('canceled', '2026-03-31 10:30:00+00'::timestamptz)::text, 'and it has ended') from playground.subscriptions where account_id = :'joe_id';
select is(cardinality(tests.periods(:'joe_id')), 2, 'no other period begins');
select is(engine.tier_of(:'joe_id'), 'free', 'the tier goes with it');

-- A plan ends at once.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.free(tests.make_user()) as kim_id \gset
select admin.set_plan(:'kim_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.freeze('2026-03-10 00:00:00+00');
select tests.reserve(:'kim_id', 'x', p_use_no_prompt => true) as run \gset
select admin.end_plan(:'kim_id', false, 'for a test') \g /dev/null
select is((tests.ledger(:'kim_id'))[5:], array['5 expire -99 = 106 (period -99)'], 'unused monthly credits expire at once');
select is((expires_at, expired_at)::text, ('2026-03-10 00:00:00+00'::timestamptz, '2026-03-10 00:00:00+00'::timestamptz)::text, 'the grant knows when')
from playground.grants where account_id = :'kim_id' and bucket = 'monthly' and remaining > 0;
select tests.release(:'kim_id', :'run') \g /dev/null
select is((tests.ledger(:'kim_id'))[6], '6 expire -1 = 105 (period -1)', 'what is held when it comes back');
-- The next plan counts from an anchor of its own, and leaves the old rollover alone.
select admin.set_plan(:'kim_id', 'prpm_plus_org', null, 'for a test') \g /dev/null
select is((tests.ledger(:'kim_id'))[7:], array['7 monthly +100 = 205 (period +100)'], 'another plan may begin at once');
select tests.freeze('2026-03-31 10:30:00+00');
select api.get_balance(:'kim_id') \g /dev/null
select is((tests.ledger(:'kim_id'))[8:], array['8 expire -100 = 105 (rollover -100)'], 'rollover kept its expiry');
select tests.freeze('2026-04-10 00:00:00+00');
select api.get_balance(:'kim_id') \g /dev/null
select is((tests.ledger(:'kim_id'))[9:], array['9 rollover +0 = 105 (period -100, rollover +100)', '10 monthly +100 = 205 (period +100)'], 'the new plan turns on its own day');

-- Anchors.
select tests.freeze('2026-03-15 12:00:00+00');
create function tests.begin_at(p_anchor timestamptz)
returns text
language plpgsql
as $$
declare
  v_user_id uuid := tests.make_user();
begin
  perform admin.set_plan(v_user_id, 'prpm_plus_individual', p_anchor, 'for a test');
  return (select format('%s begun, to %s, %s granted', periods, to_char(period_end at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), array_to_string((tests.ledger(v_user_id))[2:], ', ')) from playground.subscriptions where account_id = v_user_id);
end $$;
select is(tests.begin_at(anchor), expected, about)
from (values
  ('2026-03-15 12:00:00+00'::timestamptz, '1 begun, to 2026-04-15 12:00, 2 monthly +100 = 105 (period +100) granted', 'an anchor now'),
  ('2026-03-15 12:00:00.000001+00', '0 begun, to 2026-03-15 12:00,  granted', 'an anchor in a moment waits'),
  ('2026-02-15 12:00:00+00', '2 begun, to 2026-04-15 12:00, 2 monthly +100 = 105 (period +100) granted', 'a month ago to the instant: its second month begins'),
  ('2026-02-15 12:00:00.000001+00', '1 begun, to 2026-03-15 12:00, 2 monthly +100 = 105 (period +100) granted', 'a moment less: its first still runs'),
  ('2025-12-31 00:00:00+00', '3 begun, to 2026-03-31 00:00, 2 monthly +100 = 105 (period +100) granted', 'from the 31st on: Feb 28 to Mar 31'),
  ('2000-02-29 23:59:59+00', '313 begun, to 2026-03-29 23:59, 2 monthly +100 = 105 (period +100) granted', 'from long ago: one month''s credits, none missed')
) as listed (anchor, expected, about);

-- Granted once.
select account_id as once_id, subscription_id as once_plan, period_start, period_end from playground.periods where account_id = :'joe_id' and number = 2 \gset
select is(
  engine.start_period(:'once_id', :'once_plan', start_at::timestamptz, end_at::timestamptz, end_at::timestamptz, engine.now(), engine.now()), false,
  about
)
from (values
  ('2026-02-28 10:30:00+00', '2026-03-31 10:30:00+00', 'a period is confirmed once'),
  ('2026-03-31 10:29:59+00', '2026-04-30 10:30:00+00', 'one that overlaps it by a second is none'),
  ('2026-03-01 00:00:00+00', '2026-03-02 00:00:00+00', 'nor one within it')
) as listed (start_at, end_at, about);
select is(cardinality(tests.ledger(:'joe_id')), 6, 'and nothing was granted');
select tests.make_user() as zoe_id \gset
select admin.set_plan(:'zoe_id', 'test_0', null, 'for a test') \g /dev/null
select tests.freeze('2026-05-15 12:00:00+00');
select is((api.get_balance(:'zoe_id') ->> 'balance')::bigint, 5::bigint, 'a plan without credits grants none');
select is((count(*), count(grant_id))::text, '(3,0)', 'and has its periods all the same') from playground.periods where account_id = :'zoe_id';
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
