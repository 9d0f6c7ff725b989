begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(14);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.list_alerts(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

create function tests.page(p_limit integer, p_cursor text default null, p_person_id uuid default null, p_is_acknowledged boolean default null)
returns jsonb
language sql
as $$ select api.list_alerts(user_id, tests.token_of(user_id), null, p_person_id, p_is_acknowledged, p_limit, p_cursor)::jsonb from playground.users where email = 'ann@example.com' $$;
select is(tests.page(5), '{"alerts": [], "nextCursor": null}', 'no alerts, no pages');
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'platform', '{"a": 1}', engine.now()) \g /dev/null
select tests.advance('1 microsecond') \g /dev/null
select count(engine.alert_once(:'bob_id', '2026-11-20 00:00:00+00', 'test ' || n, '{}', engine.now() + (n / 4) * interval '1 microsecond')) from generate_series(1, 19) as n \g /dev/null
select is(
  tests.page(100) #> '{alerts,19}' #- '{id}',
  '{"userId": null, "email": null, "kind": "platform", "windowStartsAt": "2026-11-20T00:00:00.000000Z", "details": {"a": 1}, "createdAt": "2026-11-20T12:00:00.000000Z", "acknowledgedAt": null, "acknowledgedBy": null}',
  'the platform''s own name nobody');
select is(tests.page(1) #>> '{alerts,0,email}', 'bob@example.com', 'others say whom they are about');
create temporary table walked as
with recursive walk (page, number) as (
  select tests.page(3), 1
  union all
  select tests.page(3, page ->> 'nextCursor'), number + 1 from walk where page ->> 'nextCursor' is not null
)
select number, alert.value ->> 'id' as id, alert.value ->> 'createdAt' as created_at from walk cross join jsonb_array_elements(page -> 'alerts') as alert;
select is((select array[count(*), count(distinct id)] from walked), array[20, 20]::bigint[], 'pages show each once, of one microsecond too');
select is((select array_agg(created_at order by number) = array_agg(created_at order by created_at desc) from walked), true, 'newest first');
select is(jsonb_array_length(tests.page(100, null, :'bob_id') -> 'alerts'), 19, 'those of one person');
select admin.acknowledge_alert((tests.page(1) #>> '{alerts,0,id}')::uuid, 'seen') \g /dev/null
select is(array[jsonb_array_length(tests.page(100, null, null, true) -> 'alerts'), jsonb_array_length(tests.page(100, null, null, false) -> 'alerts')], array[1, 19], 'those that were seen to, or were not');
select throws_ok(format('select tests.page(%L, %L)', rows, cursor), 'SCV01', null, why)
from (values (0, null, 'a page has rows'), (101, null, 'a hundred at most'), (1, 'x', 'a cursor comes from this list'), (1, engine.write_cursor('1', 'x'), 'from nowhere else')) as listed (rows, cursor, why);
select * from finish();
rollback;
