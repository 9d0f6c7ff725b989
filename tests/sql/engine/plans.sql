begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_user() as owner \gset
select tests.make_user() as member \gset
select (api.create_organization(:'owner', 'Plans Ltd') ->> 'id') as organization \gset
select api.add_member(:'owner', :'organization', (select email from playground.users where user_id = :'member'), 'member') \g /dev/null

select is((engine.offer_to(:'member'))::text, '(prpm_plus_individual,prpm_plus,600,usd,600,)', 'a member of an unverified organisation pays what everybody pays');
select admin.verify_organization(:'organization', true, 'looked at it') \g /dev/null
select is((engine.offer_to(:'member'))::text, '(prpm_plus_org,prpm_plus,300,usd,600,"Plans Ltd")', 'a member of a verified one half, and hears of which');
select is((engine.offer_to(:'owner')).plan_price, 'prpm_plus_org', 'so does its owner');
select is((engine.offer_to(tests.make_user())).plan_price, 'prpm_plus_individual', 'nobody else');
select admin.set_plan_price('prpm_plus_org', 'price_org', 'cheaper', 250) \g /dev/null
select is((engine.offer_to(:'member')).amount_cents, 250::bigint, 'a changed price is offered at once');
select api.remove_member(:'owner', :'organization', :'member') \g /dev/null
select is((engine.offer_to(:'member')).plan_price, 'prpm_plus_individual', 'who leaves is offered the price of everybody again');
select * from finish();
rollback;
