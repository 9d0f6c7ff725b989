begin;
\ir ../helpers.psql
select plan(14);
select tests.freeze('2026-03-15 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id, tests.make_user() as eve_id \gset

select admin.set_plan(:'ann_id', 'prpm_plus_individual', '2026-01-31 00:00:00+00', 'she paid by bank') as plan_id \gset
select is(
  (plan_price, source, status, anchor, periods, period_end)::text,
  ('prpm_plus_individual', 'operator', 'active', '2026-01-31 00:00:00+00'::timestamptz, 2, '2026-03-31 00:00:00+00'::timestamptz)::text,
  'a plan begins with the month of its anchor that contains now'
)
from playground.subscriptions where account_id = :'ann_id' and subscription_id = :'plan_id';
select is(array_agg(amount order by number), array[5, 100]::bigint[], 'whose credits are granted at once, and no month''s before')
from playground.transactions where account_id = :'ann_id';
select is(
  (actor, user_id, subject, before, after, reason)::text,
  (session_user, :'ann_id', :'plan_id', null::jsonb, '{"anchor": "2026-01-31T00:00:00.000000Z", "planPrice": "prpm_plus_individual"}', 'she paid by bank')::text,
  'who, what and why are kept'
)
from playground.audit_log where action = 'set_plan';
select throws_ok(
  format('select admin.set_plan(%L, %L, null, %L)', :'ann_id', 'prpm_plus_org', 'x'), 'SCD05', null, 'one plan is live at a time'
);

select admin.set_plan(:'bob_id', 'prpm_plus_org', null, 'x') \g /dev/null
select is(anchor, '2026-03-15 12:00:00+00', 'without an anchor months are counted from now') from playground.subscriptions where account_id = :'bob_id';
select is(engine.tier_of(:'bob_id'), 'prpm_plus_org', 'the price decides the tier');
select admin.set_plan(:'eve_id', 'prpm_plus_org', '2026-04-01 00:00:00+00', 'x') \g /dev/null
select is(last_balance::bigint, 5::bigint, 'an anchor to come grants nothing yet') from playground.accounts where account_id = :'eve_id';
select tests.freeze('2026-04-01 00:00:00+00');
select is(api.list_transactions(:'eve_id') -> 'transactions' -> 0 ->> 'balanceAfter', '105', 'and begins at its instant');

select tests.make_user() as joe_id \gset
select throws_ok(format('select admin.set_plan(%L, %L, %L, %L)', :'joe_id', plan_price, anchor, reason), code, null, about)
from (values
  ('prpm_plus', null, 'x', 'SCD04', 'a plan is told by its price'),
  (null, null, 'x', 'SCD04', 'a plan must be said'),
  ('prpm_plus_org', 'infinity', 'x', 'SCD02', 'an anchor is a date'),
  ('prpm_plus_org', '0044-03-15 BC', 'x', 'SCD02', 'of our time'),
  ('prpm_plus_org', null, '', 'SCD03', 'a reason must be given')
) as listed (plan_price, anchor, reason, code, about);
select throws_ok(format('select admin.set_plan(%L, %L, null, %L)', gen_random_uuid(), 'prpm_plus_org', 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
