begin;
\ir ../helpers.psql
select plan(7);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id, tests.make_user() as eve_id \gset
select api.create_organization(:'ann_id', 'Acme') ->> 'id' as acme_id \gset
select tests.advance('1 minute'), api.add_member(:'ann_id', :'acme_id', 'bob@example.com', 'admin') \g /dev/null
select tests.advance('1 minute'), api.add_member(:'ann_id', :'acme_id', 'cy@example.com', 'member') \g /dev/null
create function tests.seen(p_user_id uuid, p_organization_id uuid)
returns text[]
language sql
as $$
  select array_agg(concat_ws(' ', member ->> 'role', coalesce(member ->> 'email', 'no address')))
  from json_array_elements(api.get_organization(p_user_id, p_organization_id) -> 'members') as member
$$;
select is(tests.seen(user_id::uuid, :'acme_id'), array['owner ann@example.com', 'admin bob@example.com', 'member cy@example.com'], 'owners and admins see the addresses of all, in the order in which they came')
from (values (:'ann_id'), (:'bob_id')) as listed (user_id);
select is(tests.seen(:'cy_id', :'acme_id'), array['owner no address', 'admin no address', 'member no address'], 'members see no addresses');
select is(api.get_organization(:'cy_id', :'acme_id') ->> 'role', 'member', 'the role is that of whoever asks');
select throws_ok(format('select api.get_organization(%L, %L)', :'eve_id', :'acme_id'), 'SCN01', null, 'to others it does not exist');
select throws_ok(format('select api.get_organization(%L, %L)', :'ann_id', gen_random_uuid()), 'SCN01', null, 'like one that is not there');
select throws_ok(format('select api.get_organization(%L, %L)', gen_random_uuid(), :'acme_id'), 'SCA02', null, 'a stranger is told to sign in');
select * from finish();
rollback;
