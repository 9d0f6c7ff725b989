begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id \gset
select api.create_organization(:'ann_id', ' Acme ') as acme \gset
select is(
  :'acme'::jsonb - 'id',
  jsonb_build_object(
    'name', 'Acme', 'isVerified', false, 'role', 'owner', 'createdAt', '2026-11-20T12:00:00.000000Z',
    'members', jsonb_build_array(jsonb_build_object('userId', :'ann_id', 'username', null, 'email', 'ann@example.com', 'role', 'owner', 'joinedAt', '2026-11-20T12:00:00.000000Z'))),
  'the maker is answered as its owner'
);
select is(count(*), 1::bigint, 'the organisation is there') from playground.organizations where organization_id = (:'acme'::json ->> 'id')::uuid;
select throws_ok(format('select api.create_organization(%L, %L)', :'ann_id', name), 'SCV01', null, 'a name has 1 to 200 printable characters')
from (values (null), (' '), (repeat('x', 201)), (e'a\tb')) as listed (name);
select throws_ok(format('select api.create_organization(%L, %L)', gen_random_uuid(), 'Acme'), 'SCA02', null, 'a stranger makes none');

select admin.set_setting('organizations_per_person', '2', 'for a test') \g /dev/null
select lives_ok(format('select api.create_organization(%L, %L)', :'ann_id', 'Acme'), 'names need not differ');
select throws_ok(format('select api.create_organization(%L, %L)', :'ann_id', 'Third'), 'SCN05', null, 'a person owns so many as the setting says');
select admin.set_member((:'acme'::json ->> 'id')::uuid, tests.make_user(), 'owner', 'x'), admin.set_member((:'acme'::json ->> 'id')::uuid, :'ann_id', 'admin', 'x') \g /dev/null
select lives_ok(format('select api.create_organization(%L, %L)', :'ann_id', 'Third'), 'those one does not own do not count');
select * from finish();
rollback;
