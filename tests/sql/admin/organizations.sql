begin;
\ir ../helpers.psql
select plan(3);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id \gset
select admin.create_organization('Acme', :'ann_id', 'for a test') as acme_id \gset
select admin.create_organization('Other', :'ann_id', 'for a test') as other_id \gset
select admin.verify_organization(:'acme_id', true, 'for a test') \g /dev/null

select set_eq(
  'select id, name, is_verified, created_at from admin.organizations',
  format('values (%L::uuid, %L, true, engine.now()), (%L, %L, false, engine.now())', :'acme_id', 'Acme', :'other_id', 'Other'),
  'organisations are shown, verified or not'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.organizations') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.organizations set is_verified = true') $$, 'SCL01', null, 'and verify by a function only');
select * from finish();
rollback;
