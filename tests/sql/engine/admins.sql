begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(33);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as ann_token, tests.token_of(:'bob_id') as bob_token \gset

select lives_ok(format('select engine.check_admin(%L, %L, %L)', :'ann_id', :'ann_token', 'request-1'), 'an admin with a token of their own may act');
select is(current_setting('scrip.acting_user') || ' ' || current_setting('scrip.request_id'), :'ann_id' || ' request-1', 'who acts, and in which request, is known from here on');
select engine.write_audit('test', :'bob_id', null, null, null, 'because') \g /dev/null
select is((acting_user_id, request_id)::text, (:'ann_id', 'request-1')::text, 'and kept with what is changed') from playground.audit_log where action = 'test';
select throws_ok(format('select engine.check_admin(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who says to be one with a token of another'),
  (:'ann_id', null, 'SCA01', 'or with none'),
  (gen_random_uuid()::text, :'ann_token', 'SCA01', 'or is not who the token names')
) as listed (id, token, code, why);
select admin.set_admin(:'ann_id', false, 'no longer') \g /dev/null
select throws_ok(format('select engine.check_admin(%L, %L, null)', :'ann_id', :'ann_token'), 'SCA07', null, 'who was an admin a moment ago is none, whatever their token');
select admin.set_admin(:'ann_id', true, 'again') \g /dev/null
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select engine.check_admin(%L, %L, null)', :'ann_id', :'ann_token'), 'SCA07', null, 'nor is who was deleted');
select throws_ok(format('select engine.check_person(%L)', :'ann_id'), 'SCN03', null, 'who can neither be asked about');
select throws_ok('select engine.check_person(null)', 'SCN03', null, 'nor can nobody');
select lives_ok(format('select engine.check_person(%L)', :'bob_id'), 'others can');

select throws_ok(format('select engine.check_reason_field(%L)', reason), 'SCV01', null, format('%s is no reason', to_json(reason))) from (values (null), (''), (e' \t\n')) as listed (reason);
select is(engine.read_cursor(engine.write_cursor('a', '1'), '[a-z] [0-9]'), array['a', '1'], 'a cursor is read as it was written');
select throws_ok(format('select engine.read_cursor(%L, %L)', text, '[a-z] [0-9]'), 'SCV01', null, 'what was not written is not read: ' || left(text, 10))
from (values ('zz'), (engine.write_cursor('a', 'b')), (repeat('61', 300))) as listed (text);
select is(engine.instant_of_cursor(engine.cursor_instant('2026-11-20 12:00:00.123457+00')), '2026-11-20 12:00:00.123457+00', 'instants keep their microseconds');
select lives_ok('select engine.check_limit(100)', 'a hundred rows are a page');
select throws_ok(format('select engine.check_limit(%L)', rows), 'SCV01', null, 'but not ' || coalesce(rows, 'null')) from (values ('0'), ('101')) as listed (rows);
select * from finish();
rollback;
