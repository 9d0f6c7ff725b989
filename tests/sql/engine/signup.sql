begin;
\ir ../helpers.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');

select tests.make_user('ann@example.com') as ann_id \gset
select is((credits, claimed_at)::text, (5, engine.now())::text, 'the claim is kept') from playground.signup_claims where person_hash = engine.person_hash('ann@example.com');
-- What the deletion of a person leaves: the claim.
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
delete from playground.user_emails where user_id = :'ann_id';
select tests.make_user('ann@example.com') as again_id \gset
select is(last_balance::bigint, 0::bigint, 'and survives the person') from playground.accounts where account_id = :'again_id';

select admin.set_setting('signup_credits', '0', 'for a test') \g /dev/null
select tests.make_user('bob@example.com') as bob_id \gset
select is(last_number, 0::bigint, 'no credits are no transaction') from playground.accounts where account_id = :'bob_id';
select is_empty($$ select * from playground.alerts $$, 'and no alert');
select * from finish();
rollback;
