begin;
\ir ../helpers.psql
select plan(8);
select tests.make_user() as ann_id \gset
select admin.create_organization('Acme', :'ann_id', 'asked to') as acme_id \gset

select admin.verify_organization(:'acme_id', true, 'seen the papers') \g /dev/null
select ok(is_verified, 'the organisation is verified') from playground.organizations where organization_id = :'acme_id';
select is((actor, subject, before, after, reason)::text, (session_user, :'acme_id', '{"byOperator": false, "isVerified": false}', '{"byOperator": true, "isVerified": true}', 'seen the papers')::text, 'who, what, before, after and why are kept')
from playground.audit_log where action = 'verify_organization';
select admin.verify_organization(:'acme_id', false, 'no longer') \g /dev/null
select ok(not is_verified, 'and it can be taken back') from playground.organizations where organization_id = :'acme_id';
select engine.organization_account(:'acme_id') \g /dev/null
insert into playground.subscriptions (account_id, subscription_id, plan_price, source, status, anchor, periods, period_end, created_at)
values (:'acme_id', gen_random_uuid(), 'verified', 'operator', 'active', engine.now(), 1, engine.now() + interval '1 month', engine.now());
select admin.verify_organization(:'acme_id', true, 'again'), admin.verify_organization(:'acme_id', false, 'paid for') \g /dev/null
select ok(is_verified, 'while the plan is paid it stays verified') from playground.organizations where organization_id = :'acme_id';
select is((before, after)::text, ('{"byOperator": true, "isVerified": true}'::jsonb, '{"byOperator": false, "isVerified": true}'::jsonb)::text, 'the audit log tells both')
from playground.audit_log where reason = 'paid for';
select throws_ok(format('select admin.verify_organization(%L, null, %L)', :'acme_id', 'x'), 'SCD02', null, 'yes or no must be said');
select throws_ok(format('select admin.verify_organization(%L, true, %L)', :'acme_id', ''), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.verify_organization(%L, true, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown organisation is refused');
select * from finish();
rollback;
