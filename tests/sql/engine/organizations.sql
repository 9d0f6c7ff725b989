begin;
\ir ../helpers.psql
select plan(24);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id,
  tests.make_user() as eve_id \gset
select engine.add_organization('  Acme  ', :'ann_id') as acme_id \gset
select is((name, is_verified, is_verified_by_operator, created_at)::text, ('Acme', false, false, engine.now())::text, 'an organisation begins unverified')
from playground.organizations where organization_id = :'acme_id';
select is(engine.organization_role(:'ann_id', :'acme_id'), 'owner', 'with its owner');
select ok(engine.put_member(:'acme_id', :'bob_id', 'admin') and engine.put_member(:'acme_id', :'cy_id', 'member'), 'members are put in while an owner is there');
select is(engine.organization_role(:'cy_id', :'acme_id'), 'member', 'each with a role');
select ok(not engine.put_member(:'acme_id', :'ann_id', 'member'), 'it says when no owner is left');
select ok(engine.put_member(:'acme_id', :'ann_id', 'owner'), 'and when there is one again');
select ok(engine.is_organization_name(name), 'names are printable') from (values ('Acme'), (' É & Söhne '), (repeat('x', 200))) as listed (name);
select ok(not engine.is_organization_name(name), 'what cannot be a name is told') from (values (null), (' '), (e'a\nb'), (repeat('x', 201))) as listed (name);

select lives_ok(format('select engine.check_organization_role(%L, %L)', user_id, :'acme_id'), 'owners and admins may act for it') from (values (:'ann_id'), (:'bob_id')) as listed (user_id);
select throws_ok(format('select engine.check_organization_role(%L, %L)', :'cy_id', :'acme_id'), 'SCN02', null, 'members may not');
select throws_ok(format('select engine.check_organization_role(%L, %L)', user_id, organization_id), 'SCN01', null, 'to others it does not exist')
from (values (:'eve_id', :'acme_id'), (:'ann_id', gen_random_uuid()::text)) as listed (user_id, organization_id);

-- Who pays.
select tests.freeze('2026-11-21 12:00:00+00');
select is(engine.organization_account(:'acme_id'), :'acme_id'::uuid, 'its account has its id');
select tests.advance('1 day'), engine.organization_account(:'acme_id') \g /dev/null
select is((kind, last_balance, created_at)::text, ('organization', 0, '2026-11-21 12:00:00+00'::timestamptz)::text, 'and is made once')
from playground.accounts where account_id = :'acme_id';

-- Whether its members are offered its price.
create function tests.is_verified(p_organization_id uuid)
returns boolean
language plpgsql
as $$
begin
  perform engine.refresh_verification(p_organization_id);
  return (select is_verified from playground.organizations where organization_id = p_organization_id);
end $$;
create function tests.verified_when(p_organization_id uuid, p_status text, p_periods integer, p_plan_price text default 'verified')
returns boolean
language plpgsql
as $$
begin
  delete from playground.subscriptions where account_id = p_organization_id;
  insert into playground.subscriptions (account_id, subscription_id, plan_price, source, status, anchor, periods, period_end, created_at, ended_at)
  select p_organization_id, gen_random_uuid(), p_plan_price, 'operator', p_status, engine.now(), p_periods, engine.now() + interval '1 month', engine.now(),
    case when p_status = 'canceled' then engine.now() end;
  return tests.is_verified(p_organization_id);
end $$;
select ok(not tests.is_verified(:'acme_id'), 'nobody says that it is verified');
select results_eq(
  format('select status, periods, tests.verified_when(%L, status, periods) from unnest(array[%L, %L, %L, %L, %L, %L]) as status, generate_series(0, 1) as periods order by 3, 1, 2',
    :'acme_id', 'incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'canceled'),
  $$ values ('active', 0, false), ('canceled', 0, false), ('canceled', 1, false), ('incomplete', 0, false), ('incomplete', 1, false),
     ('past_due', 0, false), ('past_due', 1, false), ('trialing', 0, false), ('unpaid', 0, false), ('unpaid', 1, false),
     ('active', 1, true), ('trialing', 1, true) $$,
  'the verified plan verifies it while it is live and paid'
);
select ok(not tests.verified_when(:'acme_id', 'active', 1, 'prpm_plus_org'), 'no other plan does');
update playground.organizations set is_verified_by_operator = true where organization_id = :'acme_id';
select ok(tests.verified_when(:'acme_id', 'canceled', 1), 'an operator''s word needs no plan');
select * from finish();
rollback;
