begin;
\ir ../helpers.psql
select plan(6);
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
select tests.freeze('2026-10-31 23:59:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset
select tests.run(:'ann_id') as session_id \gset
select tests.freeze('2026-11-01 00:01:00+00');
select tests.run(:'ann_id', :'session_id') \g /dev/null

select is(
  api.get_session(:'ann_id', :'session_id')::jsonb - 'conversation',
  (api.list_sessions(:'ann_id') -> 'sessions' -> 0)::jsonb,
  'an own conversation is answered as in the list'
);
select is(
  (api.get_session(:'ann_id', :'session_id') -> 'conversation')::jsonb,
  '[{"number": 1, "role": "user", "content": "Hello", "complete": true, "createdAt": "2026-10-31T23:59:00.000000Z"},
    {"number": 2, "role": "assistant", "content": "Hi there", "complete": true, "createdAt": "2026-10-31T23:59:00.000000Z"},
    {"number": 3, "role": "user", "content": "Hello", "complete": true, "createdAt": "2026-11-01T00:01:00.000000Z"},
    {"number": 4, "role": "assistant", "content": "Hi there", "complete": true, "createdAt": "2026-11-01T00:01:00.000000Z"}]'::jsonb,
  'with its messages in order, over months'
);
select api.settle_run(
  :'ann_id', tests.reserve(:'ann_id', :'session_id'), 'client_gone', 'More', 'Once upon', null, null, null, null, null, null, 5, true
) \g /dev/null
select is(
  api.get_session(:'ann_id', :'session_id') -> 'conversation' -> 5 ->> 'complete', 'false',
  'an answer that broke off says so'
);
select throws_ok(format('select api.get_session(%L, %L)', :'bob_id', :'session_id'), 'SCS01', null, 'another person''s conversation is not found');
select throws_ok(format('select api.get_session(%L, %L)', :'ann_id', gen_random_uuid()), 'SCS01', null, 'an unknown one is not found');
select throws_ok(format('select api.get_session(%L, %L)', gen_random_uuid(), :'session_id'), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
