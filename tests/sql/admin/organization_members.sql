begin;
\ir ../helpers.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id, tests.make_user('bob@scrip.example') as bob_id \gset
select admin.create_organization('Acme', :'ann_id', 'for a test') as acme_id \gset
select admin.create_organization('Other', :'ann_id', 'for a test') as other_id \gset
select admin.set_member(:'acme_id', :'bob_id', 'member', 'for a test') \g /dev/null

select set_eq(
  'select org_id, user_id, role, joined_at from admin.organization_members',
  format('values (%L::uuid, %L::uuid, %L, engine.now()), (%1$L, %4$L, %5$L, engine.now()), (%6$L, %2$L, %3$L, engine.now())', :'acme_id', :'ann_id', 'owner', :'bob_id', 'member', :'other_id'),
  'a membership is one row'
);
select results_eq(
  $$ select email, o.name, tier_name, monthly_cost_limit
     from admin.users u
     join admin.organization_members om on om.user_id = u.id
     join admin.organizations o on o.id = om.org_id
     left join admin.cost_limits_config clc on clc.tier_name = case when prpm_plus_status = 'active' then 'prpm_plus_org' else 'free' end
     order by email, o.name $$,
  $$ values ('ann@scrip.example', 'Acme', 'free', 0.50), ('ann@scrip.example', 'Other', 'free', 0.50), ('bob@scrip.example', 'Acme', 'free', 0.50) $$,
  'it joins with people and limits, and no column is in two of them'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.organization_members') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'delete from admin.organization_members') $$, 'SCL01', null, 'and change members by a function only');
select * from finish();
rollback;
