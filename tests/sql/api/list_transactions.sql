begin;
\ir ../helpers.psql
select plan(17);
create function tests.reserve(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select hold_id from api.reserve_run(p_user_id, 'demo', null, 'Hello', null, p_session_id, false, null, null, null, null)
$$;
create function tests.run(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select (body::json ->> 'conversationId')::uuid
  from tests.reserve(p_user_id, p_session_id) as hold_id
  cross join api.settle_run(p_user_id, hold_id, 'completed', 'Hello', 'Hi there', 10, 2, 0, 0, 'claude-sonnet-4-6', 'end_turn', 5, true)
$$;
create function tests.numbers(p_list json)
returns text
language sql
as $$ select string_agg(line ->> 'number', ' ') from json_array_elements(p_list -> 'transactions') as listed (line) $$;
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.grant_credits(:'ann_id', 20, 'for a test', 'bonus') \g /dev/null
select tests.run(:'ann_id') as session_id \gset
select admin.grant_credits(:'ann_id', 7, 'for a test') \g /dev/null
select admin.grant_credits(:'ann_id', 1, 'for a test', 'bonus') \g /dev/null

select is(
  (api.list_transactions(:'ann_id') -> 'transactions' -> 2)::jsonb,
  jsonb_build_object('id', :'ann_id' || ':3', 'number', 3, 'amount', -1, 'balanceAfter', 24, 'type', 'spend',
    'description', 'Playground run on sonnet', 'metadata', null, 'sessionId', :'session_id', 'purchaseId', null,
    'createdAt', '2026-11-20T12:00:00.000000Z'),
  'a line of the history'
);
select is(tests.numbers(api.list_transactions(:'ann_id')), '5 4 3 2 1', 'newest first');
select is(
  api.list_transactions(:'ann_id')::jsonb - 'transactions',
  '{"total": 5, "pagination": {"limit": 20, "offset": 0, "hasMore": false}}'::jsonb,
  'with their number'
);
select is(tests.numbers(api.list_transactions(:'ann_id', 2, page_offset)), numbers, format('page from %s', page_offset))
from (values (0, '5 4'), (1, '4 3'), (4, '1'), (5, null), (2147483647, null)) as listed (page_offset, numbers);
select is(api.list_transactions(:'ann_id', 2, 2) -> 'pagination' ->> 'hasMore', 'true', 'there is more behind the second page');
select is(api.list_transactions(:'ann_id', 2, 3) -> 'pagination' ->> 'hasMore', 'false', 'and nothing behind the last line');
select is(tests.numbers(api.list_transactions(:'ann_id', 1, 1, 'bonus')), '2', 'a type has pages of its own');
select is(
  api.list_transactions(:'ann_id', 1, 1, 'bonus')::jsonb - 'transactions',
  '{"total": 2, "pagination": {"limit": 1, "offset": 1, "hasMore": false}}'::jsonb,
  'and a total of its own'
);
select is(tests.numbers(api.list_transactions(:'bob_id')), '1', 'each person sees their own');
select throws_ok(format('select api.list_transactions(%L, 20, 0, %L)', :'ann_id', 'loss'), 'SCV01', null, 'an unknown type is refused');
select throws_ok(format('select api.list_transactions(%L, 101, 0)', :'ann_id'), 'SCV01', null, 'a page has its limit');

select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.end_plan(:'ann_id', true, 'for a test') \g /dev/null
select tests.freeze('2027-01-05 00:00:00+00');
select is(
  (select array[line ->> 'type', line ->> 'amount', line ->> 'createdAt'] from (select api.list_transactions(:'ann_id') -> 'transactions' -> 0) as listed (line)),
  array['expire', '-100', '2027-01-05T00:00:00.000000Z'],
  'what fell due is caught up before it is shown'
);
select throws_ok(format('select api.list_transactions(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
