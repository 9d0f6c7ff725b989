begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(19);
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_package() as package_id, tests.make_plan_of(300, 200) \gset
create function tests.due_lines(p_user_id uuid, p_from bigint)
returns text[]
language sql
as $$
  select array_agg(format('%s %s at %s', type, amount, to_char(effective_at at time zone 'UTC', 'MM-DD HH24:MI:SS')) order by number)
  from playground.transactions
  where account_id = p_user_id and number >= p_from
$$;

-- Everything in the order in which it fell due, however late.
select tests.make_user_with(100) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select admin.set_plan(:'ann_id', 'test_300', null, 'for a test') \g /dev/null
select tests.add_lot(:'ann_id', 7, '2026-02-28 10:29:59+00'), tests.add_lot(:'ann_id', 8, '2026-02-28 10:30:00+00'), tests.add_lot(:'ann_id', 9, '2026-03-15 00:00:00+00') \g /dev/null
select tests.freeze('2026-02-28 10:28:00+00');
select tests.reserve(:'ann_id', tests.text_of(15000), 'opus', p_use_no_prompt => true) as run \gset
select tests.freeze('2026-04-02 00:00:00+00');
select api.get_balance(:'ann_id') ->> 'balance' as balance \gset
select is(
  tests.due_lines(:'ann_id', 7),
  array[
    'expire -7 at 02-28 10:29:59', 'rollover 0 at 02-28 10:30:00', 'expire -80 at 02-28 10:30:00', 'monthly 300 at 02-28 10:30:00', 'expire -8 at 02-28 10:30:00',
    'expire -20 at 02-28 10:31:10', 'expire -9 at 03-15 00:00:00',
    'expire -200 at 03-31 10:30:00', 'rollover 0 at 03-31 10:30:00', 'expire -100 at 03-31 10:30:00', 'monthly 300 at 03-31 10:30:00'],
  'holds, periods and expiries are done one after the other, each at its own instant'
);
select is(:'balance'::bigint, 605::bigint, 'what is shown contains nothing that expired');
select is(array_agg(distinct posted_at), array['2026-04-02 00:00:00+00'::timestamptz], 'and says when it was written') from playground.transactions where account_id = :'ann_id' and number >= 7;
select is(closed_at, '2026-02-28 10:31:10+00', 'a hold ended when its time was over') from playground.holds where account_id = :'ann_id';
select is((tests.windows(:'ann_id'))[1], 'day 2026-02-28 00:00: 1 run(s), 0.225 + 0', 'its cost belongs to the day on which it was reserved');
select is((next_due_at, last_instant)::text, ('2026-04-30 10:30:00+00'::timestamptz, '2026-04-02 00:00:00+00'::timestamptz)::text, 'the account knows what comes next') from playground.accounts where account_id = :'ann_id';
select cardinality(tests.ledger(:'ann_id')) as lines \gset
select engine.catch_up(:'ann_id', engine.now()), engine.catch_up(:'ann_id', engine.now()) \g /dev/null
select is(cardinality(tests.ledger(:'ann_id')), :'lines'::integer, 'once more does nothing');

-- At one instant: holds give back first, then a period changes, then the rest expires.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_user() as bob_id \gset
select admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.freeze('2026-02-28 10:26:50+00');
select tests.reserve(:'bob_id', tests.text_of(1000), p_use_no_prompt => true) as run \gset
select expires_at = '2026-02-28 10:30:00+00' as is_due_together from playground.holds where account_id = :'bob_id' \gset
select ok(:'is_due_together', 'a hold may end with the month');
select tests.freeze('2026-02-28 10:30:00+00');
select api.get_balance(:'bob_id') \g /dev/null
select is((tests.ledger(:'bob_id'))[3:], array['3 rollover +0 = 105 (period -100, rollover +100)', '4 monthly +100 = 205 (period +100)'], 'what it gives back rolls over');

-- A plan that ends while nobody looks.
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_user() as eve_id \gset
select admin.set_plan(:'eve_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.freeze('2026-02-10 00:00:00+00');
select admin.end_plan(:'eve_id', true, 'for a test') \g /dev/null
select tests.freeze('2026-12-01 00:00:00+00');
select api.get_balance(:'eve_id') \g /dev/null
select is(tests.due_lines(:'eve_id', 3), array['expire -100 at 02-28 10:30:00'], 'ends in time');
select is(ended_at, '2026-02-28 10:30:00+00', 'to the instant') from playground.subscriptions where account_id = :'eve_id';

-- Lazy and punctual callers write the same ledger.
create function tests.same_ledger(p_left uuid, p_right uuid)
returns boolean
language sql
as $$
  select tests.ledger(p_left) = tests.ledger(p_right)
    and (select array_agg(effective_at order by number) from playground.transactions where account_id = p_left)
      = (select array_agg(effective_at order by number) from playground.transactions where account_id = p_right)
$$;
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_user() as lazy_id, tests.make_user() as daily_id \gset
select admin.set_plan(user_id::uuid, 'test_300', null, 'for a test') from unnest(array[:'lazy_id', :'daily_id']) as user_id \g /dev/null
select tests.add_lot(user_id::uuid, n, '2026-01-31 10:30:00+00'::timestamptz + n * interval '9 days') from unnest(array[:'lazy_id', :'daily_id']) as user_id cross join generate_series(1, 9) as n \g /dev/null
create procedure tests.look_daily(p_user_id uuid, p_days integer)
language plpgsql
as $$
begin
  for v_day in 1 .. p_days loop
    perform tests.advance('1 day'), api.get_balance(p_user_id);
  end loop;
end $$;
call tests.look_daily(:'daily_id', 305);
select api.get_balance(:'lazy_id') \g /dev/null
select ok(tests.same_ledger(:'lazy_id', :'daily_id'), 'ten months at once are the ten months one by one');
select is(cardinality(tests.ledger(:'lazy_id')), 59, 'all ten of them');
select is(next_due_at, '2026-12-31 10:30:00+00', 'and the eleventh is next') from playground.accounts where account_id = :'lazy_id';

-- Rows that contradict each other: told, instead of tried for ever.
update playground.subscriptions set period_end = period_end - interval '1 day' where account_id = :'lazy_id';
update playground.accounts set next_due_at = engine.now() where account_id = :'lazy_id';
select throws_ok(format('select engine.catch_up(%L, %L)', :'lazy_id', '2026-12-30 10:30:00+00'), '23000', null, 'a period that overlaps a confirmed one stops the account''s own call');
update playground.subscriptions set period_end = period_end + interval '1 day' where account_id = :'lazy_id';

-- Whoever is due, by whatever door.
create function tests.after_expiry(p_call text)
returns bigint
language plpgsql
as $$
declare
  v_user_id uuid := tests.make_user();
  v_lines bigint;
begin
  perform tests.add_lot(v_user_id, 10, engine.now() + interval '1 second');
  perform tests.advance('1 second');
  execute format(p_call, v_user_id);
  select count(*) into v_lines from playground.transactions where account_id = v_user_id and type = 'expire';
  return v_lines;
end $$;
select is_empty(
  $$ select door
     from unnest(array[
       'api.get_balance(%L)', 'api.list_transactions(%L, 10, 0, null)', 'api.list_transactions_csv(%L, null, 10)',
       'api.estimate_run(%L, ''demo'', null, ''x'', null, null, false, null)', 'tests.reserve(%L)', 'admin.grant_credits(%L, 1, ''for a test'')',
       'admin.set_plan(%L, ''prpm_plus_org'', null, ''for a test'')', 'admin.balance_at(%L, engine.now())']) as door
     where tests.after_expiry('select ' || door) <> 1 $$,
  'every door that shows or moves credits catches the account up'
);
select tests.make_user() as ron_id \gset
select admin.set_unlimited(:'ron_id', true, 'for a test') \g /dev/null
select tests.add_lot(:'ron_id', 10, engine.now() + interval '1 hour'), tests.reserve(:'ron_id', 'x', p_model => 'opus') as run \gset
select tests.advance('1 hour') \g /dev/null
select is(tests.reserve(:'ron_id', p_model => 'opus', p_user_input => tests.text_of(5000), p_use_no_prompt => true) ->> 'refusal', 'SCC01', 'a call that is refused');
select is((tests.ledger(:'ron_id'))[3], '3 expire -10 = 5 (promo -10)', 'leaves the account caught up');
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
