begin;
\ir ../helpers.psql
select plan(4);
create function tests.reserve(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select hold_id from api.reserve_run(p_user_id, 'demo', null, 'Hello', null, p_session_id, false, null, null, null, null)
$$;
create function tests.run(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select (body::json ->> 'conversationId')::uuid
  from tests.reserve(p_user_id, p_session_id) as hold_id
  cross join api.settle_run(p_user_id, hold_id, 'completed', 'Hello', 'Hi there', 10, 2, 0, 0, 'claude-sonnet-4-6', 'end_turn', 5, true)
$$;
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.end_plan(:'ann_id', true, 'for a test') \g /dev/null
select tests.reserve(:'bob_id') as hold_id \gset
select is(api.expire_credits()::jsonb, '{"processed": 0}'::jsonb, 'nothing is due yet');
select tests.freeze('2026-02-28 12:00:00+00');
select is(api.expire_credits()::jsonb, '{"processed": 2}'::jsonb, 'credits and holds whose time is over are counted by account');
select is(status, 'expired', 'the hold is gone') from playground.holds where hold_id = :'hold_id';
select is(last_balance::bigint, 5::bigint, 'the credits are gone') from playground.accounts where account_id = :'ann_id';
select * from finish();
rollback;
