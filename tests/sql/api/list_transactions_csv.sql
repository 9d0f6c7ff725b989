begin;
\ir ../helpers.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select count(admin.grant_credits(:'ann_id', n, 'for a test')) from generate_series(2, 7) as n \g /dev/null

select results_eq(
  format('select chunk, next_number from api.list_transactions_csv(%L)', :'bob_id'),
  $$ values (e'number,type,amount,balanceAfter,description,metadata,sessionId,purchaseId,createdAt\r\n1,signup,5,5,"Welcome credits",,,,2026-11-20T12:00:00.000000Z\r\n', null::bigint) $$,
  'a short history is one chunk'
);
select chunk as first, next_number as first_next from api.list_transactions_csv(:'ann_id', null, 3) \gset
select chunk as second, next_number as second_next from api.list_transactions_csv(:'ann_id', :first_next, 3) \gset
select chunk as third, next_number is null as is_last from api.list_transactions_csv(:'ann_id', :second_next, 3) \gset
select is(:first_next, 5, 'a chunk says where the next begins');
select is(regexp_count(:'first', '\r\n') || ' ' || regexp_count(:'second', '\r\n') || ' ' || regexp_count(:'third', '\r\n'), '4 3 1', 'the header comes once');
select ok(:'is_last', 'the last chunk says so');
select is(:'first' || :'second' || :'third'::text, chunk, 'the chunks together are the whole history') from api.list_transactions_csv(:'ann_id', null, 10000);

select admin.grant_credits(:'ann_id', 1, 'for a test') \g /dev/null
select is(:'second'::text, chunk, 'a line that comes meanwhile changes no later chunk') from api.list_transactions_csv(:'ann_id', :first_next, 3);
select results_eq(
  format('select chunk, next_number from api.list_transactions_csv(%L, 1, 3)', :'ann_id'), $$ values ('', null::bigint) $$,
  'before the first line there is nothing'
);
select throws_ok(format('select * from api.list_transactions_csv(%L, null, %L)', :'ann_id', chunk_limit), 'SCV01', null, 'a chunk has its limit')
from (values (0), (10001)) as listed (chunk_limit);
select throws_ok(format('select * from api.list_transactions_csv(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');
update playground.accounts set last_number = 0, last_balance = 0 where account_id = :'bob_id';
select is(regexp_count(chunk, '\r\n'), 1, 'an empty history is its header') from api.list_transactions_csv(:'bob_id');

select * from finish();
rollback;
