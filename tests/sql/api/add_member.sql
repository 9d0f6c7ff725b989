begin;
\ir ../helpers.psql
select plan(24);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id,
  tests.make_user('dan@example.com') as dan_id, tests.make_user('eve@example.com') as eve_id \gset
select api.create_organization(:'ann_id', 'Acme') ->> 'id' as acme_id \gset
select tests.advance('1 minute') \g /dev/null
create function tests.add(p_user_id uuid, p_organization_id uuid, p_name text, p_role text)
returns text
language sql
as $$ select api.add_member(p_user_id, p_organization_id, p_name || '@example.com', p_role)::text $$;

select is(
  (select array_agg(member ->> 'role') from json_array_elements(api.add_member(:'ann_id', :'acme_id', ' BOB@Example.com', 'admin') -> 'members') as member),
  array['owner', 'admin'], 'the organisation is answered with its new member, however the address is written'
);
select lives_ok(format('select tests.add(%L, %L, %L, %L)', :'bob_id', :'acme_id', 'cy', 'member'), 'an admin adds members');
select lives_ok(format('select tests.add(%L, %L, %L, %L)', :'bob_id', :'acme_id', 'cy', 'member'), 'once more is no more');
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'bob_id', :'acme_id', name, role), 'SCN02', null, format('an admin does not make %s %s', name, role))
from (values ('dan', 'owner'), ('dan', 'admin'), ('cy', 'admin'), ('bob', 'owner'), ('ann', 'member'), ('bob', 'member')) as listed (name, role);
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'cy_id', :'acme_id', name, role), 'SCN02', null, 'a member adds nobody')
from (values ('dan', 'member'), ('cy', 'owner')) as listed (name, role);
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'eve_id', :'acme_id', 'dan', 'member'), 'SCN01', null, 'to others the organisation does not exist');
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'eve_id', :'acme_id', 'nobody', 'member'), 'SCN01', null, 'nor do they learn who is registered');
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'ann_id', gen_random_uuid(), 'dan', 'member'), 'SCN01', null, 'an organisation that is not there');
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'ann_id', :'acme_id', 'nobody', 'member'), 'SCN03', null, 'somebody who is not registered');
select throws_ok(format('select tests.add(%L, %L, %L, %L)', :'ann_id', :'acme_id', 'ann', role), 'SCN04', null, 'the last owner stays owner')
from (values ('admin'), ('member')) as listed (role);
select throws_ok(format('select api.add_member(%L, %L, %L, %L)', :'ann_id', :'acme_id', email, role), 'SCV01', null, 'address and role must be valid')
from (values ('ann', 'member'), (null, 'member'), ('bob@example.com', 'king'), ('bob@example.com', null)) as listed (email, role);
select throws_ok(format('select tests.add(%L, %L, %L, %L)', gen_random_uuid(), :'acme_id', 'dan', 'member'), 'SCA02', null, 'a stranger is told to sign in');
select tests.add(:'ann_id', :'acme_id', 'dan', 'owner'), tests.add(:'dan_id', :'acme_id', 'ann', 'member') \g /dev/null
select is(
  (select string_agg(role, ' ' order by email) from playground.organization_members join playground.users using (user_id) where organization_id = :'acme_id'),
  'member admin member owner', 'owners make owners, who change the role of owners'
);
select ok(not exists (select from playground.organization_members where user_id = :'eve_id'), 'nobody else came in');
select * from finish();
rollback;
