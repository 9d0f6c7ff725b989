begin;
\ir ../helpers.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id,
  tests.make_user('dan@example.com') as dan_id, tests.make_user('eve@example.com') as eve_id, tests.make_user() as fay_id \gset
select api.create_organization(:'ann_id', 'Acme') ->> 'id' as acme_id \gset
select api.add_member(:'ann_id', :'acme_id', name || '@example.com', role) from (values ('bob', 'admin'), ('cy', 'member'), ('dan', 'member'), ('eve', 'admin')) as listed (name, role) \g /dev/null
create function tests.roles(p_organization_id uuid)
returns text
language sql
as $$ select string_agg(role, ' ' order by email) from playground.organization_members join playground.users using (user_id) where organization_id = p_organization_id $$;

select throws_ok(format('select api.remove_member(%L, %L, %L)', user_id, :'acme_id', member_id), 'SCN02', null, what)
from (values
  (:'bob_id', :'ann_id', 'an admin removes no owner'), (:'bob_id', :'eve_id', 'nor another admin'),
  (:'cy_id', :'dan_id', 'a member removes no member'), (:'cy_id', :'ann_id', 'nor an owner')
) as listed (user_id, member_id, what);
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'fay_id', :'acme_id', :'cy_id'), 'SCN01', null, 'to others the organisation does not exist');
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'fay_id', :'acme_id', :'fay_id'), 'SCN01', null, 'nor can they leave it');
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'ann_id', gen_random_uuid(), :'cy_id'), 'SCN01', null, 'an organisation that is not there');
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'ann_id', :'acme_id', :'fay_id'), 'SCN03', null, 'somebody who is no member');
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'ann_id', :'acme_id', :'ann_id'), 'SCN04', null, 'the last owner does not leave');
select throws_ok(format('select api.remove_member(%L, %L, %L)', gen_random_uuid(), :'acme_id', :'cy_id'), 'SCA02', null, 'a stranger is told to sign in');
select is(tests.roles(:'acme_id'), 'owner admin member member admin', 'nothing of it is done');

select api.remove_member(:'bob_id', :'acme_id', :'cy_id') \g /dev/null
select is(tests.roles(:'acme_id'), 'owner admin member admin', 'an admin removes members');
select api.remove_member(:'dan_id', :'acme_id', :'dan_id') \g /dev/null
select is(tests.roles(:'acme_id'), 'owner admin admin', 'a member leaves');
select api.remove_member(:'eve_id', :'acme_id', :'eve_id') \g /dev/null
select is(tests.roles(:'acme_id'), 'owner admin', 'so does an admin');
select api.add_member(:'ann_id', :'acme_id', 'bob@example.com', 'owner'), api.remove_member(:'bob_id', :'acme_id', :'ann_id') \g /dev/null
select is(tests.roles(:'acme_id'), 'owner', 'owners remove owners');
select throws_ok(format('select api.remove_member(%L, %L, %L)', :'bob_id', :'acme_id', :'bob_id'), 'SCN04', null, 'but for the last');
select * from finish();
rollback;
