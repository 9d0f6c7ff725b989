begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'x') \g /dev/null
select admin.end_plan(:'ann_id', true, 'x') \g /dev/null
select tests.freeze('2026-06-01 00:00:00+00');

select is(admin.balance_at(:'ann_id', instant::timestamptz), balance, format('at %s', instant))
from (values
  ('2026-01-31 11:59:59.999999+00', 0::bigint), ('2026-01-31 12:00:00+00', 105), ('2026-02-28 11:59:59.999999+00', 105),
  ('2026-02-28 12:00:00+00', 5), ('2026-06-01 00:00:00+00', 5), ('infinity', 5)
) as listed (instant, balance);
select is(posted_at, '2026-06-01 00:00:00+00', 'by when it fell due, not by when it was written') from playground.transactions where account_id = :'ann_id' and number = 3;
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select is(admin.balance_at(:'ann_id', '2026-02-01'), 105::bigint, 'a deleted person''s history stays');
select throws_ok(format('select admin.balance_at(%L, engine.now())', gen_random_uuid()), 'SCD04', null, 'an unknown person is refused');
select throws_ok(format('select admin.balance_at(%L, null)', :'ann_id'), 'SCD02', null, 'no instant has no balance');
select * from finish();
rollback;
