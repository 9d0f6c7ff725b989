begin;
\ir ../helpers.psql
select plan(13);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'x') as ann_plan, admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'x') as bob_plan \gset
select tests.freeze('2026-02-10 00:00:00+00');

select admin.end_plan(:'ann_id', false, 'asked to') \g /dev/null
select is((status, ended_at)::text, ('canceled', engine.now())::text, 'a plan ends at once') from playground.subscriptions where subscription_id = :'ann_plan';
select is((type, amount, balance_after)::text, ('expire', -100, 5)::text, 'with what is left of its month') from playground.transactions where account_id = :'ann_id' and number = 3;
select is(engine.tier_of(:'ann_id'), 'free', 'and its tier');
select is(
  (user_id, subject, before, after, reason)::text,
  (:'ann_id', :'ann_plan', '{"endsAt": null}', '{"endsAt": "2026-02-10T00:00:00.000000Z"}', 'asked to')::text,
  'who, what and why are kept'
)
from playground.audit_log where action = 'end_plan';
select lives_ok(format('select admin.set_plan(%L, %L, null, %L)', :'ann_id', 'prpm_plus_org', 'x'), 'another plan may follow');

select admin.end_plan(:'bob_id', true, 'asked to') \g /dev/null
select is((status, ends_at)::text, ('active', '2026-02-28 12:00:00+00'::timestamptz)::text, 'or at the end of its period') from playground.subscriptions where subscription_id = :'bob_plan';
select tests.freeze('2026-05-01 00:00:00+00');
select jobs.process_monthly_reset() \g /dev/null
select is((status, ended_at)::text, ('canceled', '2026-02-28 12:00:00+00'::timestamptz)::text, 'which comes late, but counts in time') from playground.subscriptions where subscription_id = :'bob_plan';
select results_eq(
  format('select type::text, amount, effective_at from playground.transactions where account_id = %L order by number', :'bob_id'),
  $$ values ('signup', 5::bigint, '2026-01-31 12:00:00+00'::timestamptz), ('monthly', 100, '2026-01-31 12:00:00+00'), ('expire', -100, '2026-02-28 12:00:00+00') $$,
  'nothing rolls over and no month follows'
);

select throws_ok(format('select admin.end_plan(%L, true, %L)', :'bob_id', 'x'), 'SCD04', null, 'a plan ends once');
select throws_ok(format('select admin.end_plan(%L, true, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select throws_ok(format('select admin.end_plan(%L, true, null)', :'ann_id'), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.end_plan(%L, null, %L)', :'ann_id', 'x'), 'SCD02', null, 'when must be said');
update playground.subscriptions set source = 'stripe', stripe_subscription_id = 'sub_' || subscription_id, state_at = engine.now() where account_id = :'ann_id';
select throws_ok(format('select admin.end_plan(%L, true, %L)', :'ann_id', 'x'), 'SCD04', null, 'a plan that somebody pays for at Stripe is not ended by hand');
select * from finish();
rollback;
