begin;
\ir ../helpers.psql
select plan(6);
select tests.make_user() as ann_id \gset

select admin.set_admin(:'ann_id', true, 'runs the place') \g /dev/null
select is(api.get_user(:'ann_id') ->> 'isAdmin', 'true', 'the person is an admin');
select is(
  (actor, user_id, before, after, reason)::text, (session_user, :'ann_id', '{"isAdmin": false}', '{"isAdmin": true}', 'runs the place')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_admin';
select admin.set_admin(:'ann_id', false, 'no longer') \g /dev/null
select is(is_admin, false, 'and it can be taken back') from playground.users where user_id = :'ann_id';
select throws_ok(format('select admin.set_admin(%L, null, %L)', :'ann_id', 'x'), 'SCD02', null, 'yes or no must be said');
select throws_ok(format('select admin.set_admin(%L, true, %L)', :'ann_id', ' '), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.set_admin(%L, true, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
