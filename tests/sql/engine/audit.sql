begin;
\ir ../helpers.psql
select plan(27);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset

select engine.write_audit('test', :'ann_id', 'subject', '{"a": 1}', '{"a": 2}', ' because ') \g /dev/null
select is(
  (created_at, actor, action, user_id, subject, before, after, reason)::text,
  (engine.now(), session_user, 'test', :'ann_id', 'subject', '{"a": 1}', '{"a": 2}', 'because')::text,
  'a line of the audit log: the session''s own role, not the one it took'
)
from playground.audit_log where action = 'test';

-- For whom: only engine.act_as is believed, and only in its own transaction.
select set_config('scrip.acting_user', :'ann_id', true), set_config('scrip.request_id', 'forged', true) \g /dev/null
select is(engine.acting_user(), null, 'a name that somebody put into the settings is nobody''s');
select set_config('scrip.acting_seal', engine.acting_seal(gen_random_uuid()::text), true) \g /dev/null
select is(engine.acting_user(), null, 'nor does the seal of one admin stand for another');
select engine.write_audit('forged', :'ann_id', null, null, null, 'because') \g /dev/null
select is((acting_user_id, request_id)::text, '(,)', 'neither is kept') from playground.audit_log where action = 'forged';
select engine.act_as(:'ann_id', 'request-1') \g /dev/null
select is(engine.acting_user(), :'ann_id', 'who was let in is');

select tests.make_user('eve@scrip.example') as eve_id \gset
select is(engine.shown_name(:'eve_id'), 'eve@scrip.example', 'an admin is shown by address');
select is(engine.shown_name(name), name, format('%L is shown as it is', name))
from (values ('dba_anna'), ('00000000-0000-0000-0000-000000000001'), (null)) as listed (name);
select throws_matching(format('select engine.%I(null)', function), 'admin\.find_user', format('%s: nobody is named, as when an address was mistyped', function))
from (values ('lock_user'), ('touch_account_of')) as listed (function);
update playground.users set deleted_at = engine.now(), email = null where user_id = :'eve_id';
select is(engine.shown_name(:'eve_id'), :'eve_id', 'so is an admin who left');

select throws_ok(format('select engine.check_reason(%L)', reason), 'SCD03', null, format('%s is no reason', to_json(reason)))
from (values (null), (''), (' '), (e' \t\n')) as listed (reason);
select throws_ok($$ select engine.write_audit('test', null, null, null, null, '') $$, 'SCD03', null, 'no line without a reason');
select throws_ok($$ update playground.audit_log set reason = 'x' $$, 'SCL01', null, 'a line is not changed');
select throws_ok($$ delete from playground.audit_log $$, 'SCL01', null, 'nor deleted');

select is((engine.lock_user(:'ann_id')).user_id, :'ann_id', 'a person is locked');
select is((engine.touch_account_of(:'ann_id')).last_balance::bigint, 5::bigint, 'so is their account');
select throws_ok(format('select engine.%I(%L)', function, gen_random_uuid()), 'SCD04', null, format('%s: unknown', function))
from (values ('lock_user'), ('touch_account_of'), ('lock_organization')) as listed (function);
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select engine.%I(%L)', function, :'ann_id'), 'SCD04', null, format('%s: deleted', function))
from (values ('lock_user'), ('touch_account_of')) as listed (function);
select isnt_empty($$ select from engine.role_settings('scrip_operator') where setting_name = 'search_path' and setting_value = 'admin, analytics' $$, 'a role''s settings are read');
select * from finish();
rollback;
