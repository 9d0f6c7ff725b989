begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.list_audit(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

create function tests.page(p_limit integer, p_cursor text default null, p_person_id uuid default null, p_action text default null)
returns jsonb
language sql
as $$ select api.list_audit(user_id, tests.token_of(user_id), null, p_person_id, p_action, p_limit, p_cursor)::jsonb from playground.users where email = 'ann@example.com' $$;
select api.throttle_user(:'ann_id', :'token', 'request-1', :'bob_id', 'too much') \g /dev/null
select is(
  tests.page(1) #> '{audit,0}' #- '{id}',
  jsonb_build_object('createdAt', '2026-11-20T12:00:00.000000Z', 'actor', session_user, 'actingUserId', :'ann_id', 'action', 'throttle', 'userId', :'bob_id', 'subject', null,
    'before', '{"until": null, "reason": null, "throttledAt": null}'::jsonb, 'after', '{"until": null, "reason": "too much", "throttledAt": "2026-11-20T12:00:00.000000Z"}'::jsonb, 'reason', 'too much', 'requestId', 'request-1'),
  'the newest line first: who, what, before, after, when, why, in which request');
select count(engine.write_audit('test ' || n % 2, :'bob_id', null, null, null, 'line ' || n)) from generate_series(1, 20) as n \g /dev/null
create temporary table walked as
with recursive walk (page, number) as (
  select tests.page(3), 1
  union all
  select tests.page(3, page ->> 'nextCursor'), number + 1 from walk where page ->> 'nextCursor' is not null
)
select number, line.value ->> 'id' as id from walk cross join jsonb_array_elements(page -> 'audit') as line;
select is((select array[count(*), count(distinct id)] from walked), (select array[count(*), count(*)] from playground.audit_log), 'pages show each line once, of one instant too');
select is(jsonb_array_length(tests.page(100, null, :'bob_id') -> 'audit'), 21, 'what was changed of one person');
select is(jsonb_array_length(tests.page(100, null, null, 'test 1') -> 'audit'), 10, 'or changes of one kind');
select throws_ok(format('select tests.page(%L, %L)', rows, cursor), 'SCV01', null, why)
from (values (0, null, 'a page has rows'), (101, null, 'a hundred at most'), (1, 'x', 'a cursor comes from this list'), (1, engine.write_cursor('1', 'x'), 'from nowhere else')) as listed (rows, cursor, why);
select * from finish();
rollback;
