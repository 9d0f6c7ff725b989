begin;
\ir ../helpers.psql
select plan(9);
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
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset

select is(
  api.list_sessions(:'ann_id')::jsonb,
  '{"sessions": [], "total": 0, "pagination": {"limit": 20, "offset": 0, "hasMore": false}}'::jsonb,
  'nobody has conversations to begin with'
);
select tests.run(:'ann_id') as first_id \gset
select tests.advance('1 minute');
select tests.run(:'ann_id') as second_id \gset
select tests.advance('1 minute');
select tests.run(:'ann_id', :'first_id') as third_id, tests.run(:'bob_id') as other_id \gset

select is(:'third_id'::text, :'first_id'::text, 'a conversation goes on under its id');
select is(
  (api.list_sessions(:'ann_id') -> 'sessions' -> 0)::jsonb,
  jsonb_build_object('id', :'first_id', 'packageId', :'package_id', 'packageName', 'demo', 'packageVersion', '1.0.0',
    'model', 'sonnet', 'messages', 4, 'runs', 2, 'creditsSpent', 2,
    'createdAt', '2026-11-20T12:00:00.000000Z', 'lastRunAt', '2026-11-20T12:02:00.000000Z'),
  'the conversation with the newest run comes first, without its messages'
);
select is(api.list_sessions(:'ann_id') -> 'sessions' -> 1 ->> 'id', :'second_id', 'then the one before');
select is(
  (api.list_sessions(:'ann_id', 1, 0) -> 'pagination')::jsonb, '{"limit": 1, "offset": 0, "hasMore": true}'::jsonb,
  'a page says that there is more'
);
select is(api.list_sessions(:'ann_id', 1, 1) -> 'sessions' -> 0 ->> 'id', :'second_id', 'and the next page has it');
select is(json_array_length(api.list_sessions(:'bob_id') -> 'sessions'), 1, 'each person sees their own');
select throws_ok(format('select api.list_sessions(%L, 0, 0)', :'ann_id'), 'SCV01', null, 'no page is empty by wish');
select throws_ok(format('select api.list_sessions(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
