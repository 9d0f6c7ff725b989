begin;
\ir ../helpers.psql
select plan(10);
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
select tests.run(:'ann_id') as session_id \gset
select tests.run(:'ann_id') as kept_id \gset
select tests.reserve(:'ann_id', :'session_id') as hold_id \gset

select throws_ok(format('select api.delete_session(%L, %L)', :'bob_id', :'session_id'), 'SCS01', null, 'another person''s conversation is not found');
select api.delete_session(:'ann_id', :'session_id') \g /dev/null
select throws_ok(format('select api.get_session(%L, %L)', :'ann_id', :'session_id'), 'SCS01', null, 'a deleted conversation is gone');
select is_empty(format('select * from playground.messages where session_id = %L', :'session_id'), 'with its messages');
select is(json_array_length(api.get_session(:'ann_id', :'kept_id') -> 'conversation'), 2, 'others stay');
select throws_ok(format('select api.delete_session(%L, %L)', :'ann_id', :'session_id'), 'SCS01', null, 'it is deleted once');

select is(charged, 1::bigint, 'a run that was under way is charged')
from api.settle_run(:'ann_id', :'hold_id', 'completed', 'Hello', 'Hi', 10, 2, 0, 0, null, 'end_turn', 5, true);
select is_empty(format('select * from playground.sessions where session_id = %L', :'session_id'), 'but does not bring the conversation back');
select is_empty(format('select * from playground.messages where session_id = %L', :'session_id'), 'nor any of its messages');
select is(count(*), 2::bigint, 'the charges stay in the history') from playground.transactions where account_id = :'ann_id' and session_id = :'session_id';
select throws_ok(format('select api.delete_session(%L, %L)', gen_random_uuid(), :'kept_id'), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
