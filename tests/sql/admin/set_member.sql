begin;
\ir ../helpers.psql
select plan(12);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.create_organization('Acme', :'ann_id', 'asked to') as acme_id \gset
create function tests.members(p_organization_id uuid)
returns text
language sql
as $$ select string_agg(role, ' ' order by joined_at, role desc) from playground.organization_members where organization_id = p_organization_id $$;
select tests.advance('1 second');

select admin.set_member(:'acme_id', :'bob_id', 'member', 'new') \g /dev/null
select is(tests.members(:'acme_id'), 'owner member', 'a person becomes a member');
select admin.set_member(:'acme_id', :'bob_id', 'owner', 'the boss') \g /dev/null
select is(tests.members(:'acme_id'), 'owner owner', 'and takes another role');
select is((actor, user_id, subject, before, after)::text, (session_user, :'bob_id', :'acme_id', '{"role": "member"}', '{"role": "owner"}')::text, 'who, what, before and after are kept')
from playground.audit_log where reason = 'the boss';
select admin.set_member(:'acme_id', :'ann_id', null, 'left') \g /dev/null
select is(tests.members(:'acme_id'), 'owner', 'no role is no membership');
select lives_ok(format('select admin.set_member(%L, %L, null, %L)', :'acme_id', :'ann_id', 'again'), 'who is no member can be removed');

select throws_ok(format('select admin.set_member(%L, %L, null, %L)', :'acme_id', :'bob_id', 'x'), 'SCD02', null, 'the last owner stays');
select throws_ok(format('select admin.set_member(%L, %L, %L, %L)', :'acme_id', :'bob_id', 'member', 'x'), 'SCD02', null, 'and stays owner');
select is(tests.members(:'acme_id'), 'owner', 'nothing of it is done');
select throws_ok(format('select admin.set_member(%L, %L, %L, %L)', :'acme_id', :'ann_id', 'king', 'x'), 'SCD02', null, 'another role is refused');
select throws_ok(format('select admin.set_member(%L, %L, %L, %L)', :'acme_id', :'ann_id', 'admin', ''), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.set_member(%L, %L, %L, %L)', :'acme_id', gen_random_uuid(), 'admin', 'x'), 'SCD04', null, 'an unknown person is refused');
select throws_ok(format('select admin.set_member(%L, %L, %L, %L)', gen_random_uuid(), :'ann_id', 'admin', 'x'), 'SCD04', null, 'an unknown organisation is refused');
select * from finish();
rollback;
