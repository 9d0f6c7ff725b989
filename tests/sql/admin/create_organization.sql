begin;
\ir ../helpers.psql
select plan(8);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select admin.create_organization(' Acme ', :'ann_id', 'asked to') as acme_id \gset

select is((name, is_verified, created_at)::text, ('Acme', false, engine.now())::text, 'an organisation begins unverified') from playground.organizations where organization_id = :'acme_id';
select is((user_id, role)::text, (:'ann_id', 'owner')::text, 'with its owner') from playground.organization_members where organization_id = :'acme_id';
select is((actor, user_id, subject, after ->> 'name', reason)::text, (session_user, :'ann_id', :'acme_id', 'Acme', 'asked to')::text, 'who, what and why are kept')
from playground.audit_log where action = 'create_organization';
select throws_ok(format('select admin.create_organization(%L, %L, %L)', name, :'ann_id', 'x'), 'SCD02', null, 'a name has 1 to 200 printable characters')
from (values (null), (' '), (repeat('x', 201))) as listed (name);
select throws_ok(format('select admin.create_organization(%L, %L, %L)', 'Acme', :'ann_id', null), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.create_organization(%L, %L, %L)', 'Acme', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
