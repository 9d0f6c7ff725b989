begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(20);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user('ann@example.org') as ann_id, tests.make_user('bob@example.org') as bob_id \gset
select throws_ok(format('select admin.delete_user(%L, %L)', :'ann_id', ' '), 'SCD03', null, 'a reason is needed');
select throws_ok(format('select admin.delete_user(%L, %L)', gen_random_uuid(), 'asked'), 'SCD04', null, 'who is not there cannot be deleted');

select tests.reserve(:'ann_id') as run \gset
select throws_ok(format('select admin.delete_user(%L, %L)', :'ann_id', 'asked'), 'SCD05', null, 'nor whose run is under way');
select tests.settle(:'ann_id', :'run', 1000, 500, 0, 0, 'A private answer.') \g /dev/null
select admin.set_plan(:'ann_id', 'prpm_plus_individual', engine.now(), 'for a test') \g /dev/null
select throws_ok(format('select admin.delete_user(%L, %L)', :'ann_id', 'asked'), 'SCD05', null, 'nor who has a plan');
select admin.end_plan(:'ann_id', false, 'for a test') \g /dev/null
select (api.create_organization(:'ann_id', 'Acme') ->> 'id') as acme_id \gset
select throws_ok(format('select admin.delete_user(%L, %L)', :'ann_id', 'asked'), 'SCD05', null, 'nor the last owner of an organisation');
select api.add_member(:'ann_id', :'acme_id', 'bob@example.org', 'owner') \g /dev/null
select is((select email from playground.users where user_id = :'ann_id'), 'ann@example.org', 'and nothing of them has gone until then');
select last_balance as balance from playground.accounts where account_id = :'ann_id' \gset
select count(*) as lines from playground.transactions where account_id = :'ann_id' \gset
select admin.set_user_limit(:'ann_id', 'for a test', p_daily_usd => 1) \g /dev/null
select admin.delete_user(:'ann_id', 'asked to be forgotten') \g /dev/null

create function tests.left_of(p_user_id uuid)
returns table (table_name text)
language plpgsql
as $$
declare
  v_table text;
begin
  for v_table in
    select unnest(array['user_emails', 'credentials', 'refresh_tokens', 'api_keys', 'messages', 'sessions', 'answers', 'notices', 'user_limits', 'organization_members'])
  loop
    return query execute format('select %L::text from playground.%I where user_id = $1 limit 1', v_table, v_table) using p_user_id;
  end loop;
end $$;
select is_empty(format('select * from tests.left_of(%L)', :'ann_id'), 'of the person nothing is left that names them or says what they wrote');
select isnt_empty(format('select * from tests.left_of(%L)', :'bob_id'), 'others are not touched');
select results_eq(
  format('select email, username, deleted_at from playground.users where user_id = %L', :'ann_id'),
  $$ values (null::text, null::text, '2026-11-20 12:00:00+00'::timestamptz) $$,
  'their id stays, without a name'
);
select is(admin.find_user('ann@example.org'), null, 'nobody is found by the address');
select is((select last_balance::bigint from playground.accounts where account_id = :'ann_id'), :'balance'::bigint, 'the account stays');
select is((select count(*) from playground.transactions where account_id = :'ann_id'), :'lines'::bigint, 'with its history');
select is((select count(*) from playground.usage where user_id = :'ann_id'), 1::bigint, 'and usage');
select throws_ok(format('select api.get_balance(%L)', :'ann_id'), 'SCA02', null, 'they are not signed in any more');
select throws_ok(format('select tests.reserve(%L)', :'ann_id'), 'SCA02', null, 'and run nothing');
select throws_ok(format('select admin.delete_user(%L, %L)', :'ann_id', 'again'), 'SCD04', null, 'they are deleted once');
select is((select reason from playground.audit_log where action = 'delete_user'), 'asked to be forgotten', 'the audit log says why');
select is(engine.tier_of(:'bob_id'), 'free', 'the organisation has its other owner');
select tests.make_user('ann@example.org') as again_id \gset
select is((select last_balance::bigint from playground.accounts where account_id = :'again_id'), 0::bigint, 'who registers again has had their signup credits');
select is_empty('select * from admin.verify_ledger()', 'the ledger holds');
select * from finish();
rollback;
