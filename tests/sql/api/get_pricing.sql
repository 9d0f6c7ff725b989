begin;
\ir ../helpers.psql
select plan(7);
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset

select is(api.get_pricing(:'ann_id')::jsonb, '{"price": 600, "currency": "usd", "interval": "month", "credits": 100, "isOrgMember": false, "orgName": null, "discount": 0}', 'PRPM+ costs six dollars a month');
select api.create_organization(:'bob_id', 'Acme') ->> 'id' as acme_id \gset
select api.add_member(:'bob_id', :'acme_id', 'ann@example.com', 'member') \g /dev/null
select is(api.get_pricing(:'ann_id')::jsonb ->> 'price', '600', 'members of an organisation that nobody verified pay as much');
select admin.verify_organization(:'acme_id', true, 'for a test') \g /dev/null
select is(api.get_pricing(:'ann_id')::jsonb, '{"price": 300, "currency": "usd", "interval": "month", "credits": 100, "isOrgMember": true, "orgName": "Acme", "discount": 300}', 'of a verified one half');
select is(api.get_pricing(:'bob_id')::jsonb ->> 'orgName', 'Acme', 'its owner, too');
select api.remove_member(:'ann_id', :'acme_id', :'ann_id') \g /dev/null
select is(api.get_pricing(:'ann_id')::jsonb ->> 'price', '600', 'who has left pays the full price');
select admin.verify_organization(:'acme_id', false, 'for a test') \g /dev/null
select is(api.get_pricing(:'bob_id')::jsonb ->> 'price', '600', 'so do all when it is verified no more');
select throws_ok(format('select api.get_pricing(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger is offered nothing');
select * from finish();
rollback;
