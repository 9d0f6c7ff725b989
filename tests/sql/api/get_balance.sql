begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(31);
select tests.freeze('2026-01-31 10:30:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
create function tests.balance(p_user_id uuid, variadic p_path text[])
returns text
language sql
as $$ select api.get_balance(p_user_id)::jsonb #>> p_path $$;
-- Whatever is shown adds up, and is what the ledger says.
create function tests.adds_up(p_user_id uuid)
returns boolean
language sql
as $$
  select (b ->> 'balance')::bigint = (b #>> '{breakdown,monthly}')::bigint + (b #>> '{breakdown,rollover}')::bigint + (b #>> '{breakdown,purchased}')::bigint
    and (b ->> 'purchased') = b #>> '{breakdown,purchased}'
    and (b ->> 'balance')::bigint = (select sum(amount) from playground.transactions where account_id = p_user_id)
    and (b ->> 'held')::bigint = (select coalesce(sum(credits), 0) from playground.holds where account_id = p_user_id and status = 'open')
    and (b ->> 'available')::bigint = (select available from engine.spendable(p_user_id, engine.now()))
  from (select api.get_balance(p_user_id)::jsonb as b) as x
$$;

select is(
  api.get_balance(:'ann_id')::jsonb,
  '{"balance": 5, "held": 0, "suspended": 0, "available": 5, "costBudgetUsd": 0, "monthly": {"allocated": 0, "used": 0, "remaining": 0, "resetAt": null},
    "rollover": {"amount": 0, "expiresAt": null}, "purchased": 5, "breakdown": {"monthly": 0, "rollover": 0, "purchased": 5}, "nextExpiry": null}'::jsonb,
  'a new person has the signup credits, which never expire'
);
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id', tests.text_of(20000), p_use_no_prompt => true), 20000, 1) \g /dev/null
select is(
  (api.get_balance(:'ann_id') -> 'monthly')::jsonb, '{"allocated": 100, "used": 5, "remaining": 95, "resetAt": "2026-02-28T10:30:00.000000Z"}'::jsonb,
  'monthly credits are told with what was used of them and when they begin anew'
);
select is((api.get_balance(:'ann_id') -> 'nextExpiry')::jsonb, '{"credits": 95, "at": "2026-02-28T10:30:00.000000Z"}'::jsonb, 'what expires next is told');
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');
select tests.reserve(:'ann_id', 'x', 'opus', p_use_no_prompt => true) as run \gset
select is(array[tests.balance(:'ann_id', 'balance'), tests.balance(:'ann_id', 'held'), tests.balance(:'ann_id', 'available')], array['100', '5', '95'], 'held credits are of the balance and not available');
select is(tests.balance(:'ann_id', 'monthly', 'used'), '5', 'and not used yet');
select is(tests.balance(:'ann_id', 'nextExpiry', 'credits'), '90', 'nor do they expire');
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');
select tests.release(:'ann_id', :'run') \g /dev/null
update playground.grants set suspended = 10 where account_id = :'ann_id' and bucket = 'monthly';
select is(array[tests.balance(:'ann_id', 'balance'), tests.balance(:'ann_id', 'suspended'), tests.balance(:'ann_id', 'available')], array['100', '10', '90'], 'suspended credits neither');
update playground.grants set suspended = 0 where account_id = :'ann_id';
select tests.add_lot(:'ann_id', 7, '2026-02-15 00:00:00+00'), tests.add_lot(:'ann_id', 8, '2026-02-15 00:00:00+00') \g /dev/null
select is((api.get_balance(:'ann_id') -> 'nextExpiry')::jsonb, '{"credits": 15, "at": "2026-02-15T00:00:00.000000Z"}'::jsonb, 'what expires together is told together');
select is(tests.balance(:'ann_id', 'purchased'), '20', 'promo credits are purchased ones');
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');

-- Nothing expired is shown, whether or not any job ran.
select tests.freeze('2026-02-14 23:59:59.999999+00');
select is(tests.balance(:'ann_id', 'balance'), '115', 'up to their last instant credits are there');
select tests.freeze('2026-02-15 00:00:00+00');
select is(tests.balance(:'ann_id', 'balance'), '100', 'at their instant they are gone');
select tests.freeze('2026-03-01 00:00:00+00');
select is(
  api.get_balance(:'ann_id')::jsonb - 'costBudgetUsd',
  '{"balance": 200, "held": 0, "suspended": 0, "available": 200, "monthly": {"allocated": 100, "used": 0, "remaining": 100, "resetAt": "2026-03-31T10:30:00.000000Z"},
    "rollover": {"amount": 95, "expiresAt": "2026-03-31T10:30:00.000000Z"}, "purchased": 5, "breakdown": {"monthly": 100, "rollover": 95, "purchased": 5},
    "nextExpiry": {"credits": 195, "at": "2026-03-31T10:30:00.000000Z"}}'::jsonb,
  'a new month begins with what rolled over'
);
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');
-- A hold of the old month over its end.
select tests.freeze('2026-03-31 10:29:00+00');
select tests.reserve(:'ann_id', 'x', 'opus', p_use_no_prompt => true) as run \gset
select tests.freeze('2026-03-31 10:31:00+00');
select is(tests.balance(:'ann_id', 'monthly', 'remaining'), '100', 'the new month is whole');
select is(tests.balance(:'ann_id', 'breakdown', 'monthly'), '105', 'what a run still holds of the old one is counted');
select is(tests.balance(:'ann_id', 'available'), '200', 'and not available') where tests.balance(:'ann_id', 'balance') = '205';
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');
select tests.release(:'ann_id', :'run') \g /dev/null
select is(tests.balance(:'ann_id', 'balance'), '200', 'given back, it is gone');
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');
-- A plan that ends, and one to come.
select admin.end_plan(:'ann_id', false, 'for a test') \g /dev/null
select is(
  (api.get_balance(:'ann_id') -> 'monthly')::jsonb, '{"allocated": 0, "used": 0, "remaining": 0, "resetAt": null}'::jsonb, 'without a plan there are no monthly credits'
);
select is(tests.balance(:'ann_id', 'rollover', 'amount'), '95', 'rollover stays for its time');
select admin.set_plan(:'ann_id', 'prpm_plus_org', '2026-05-01 00:00:00+00', 'for a test') \g /dev/null
select is(tests.balance(:'ann_id', 'monthly', 'resetAt'), null, 'a plan to come has no month yet');
select tests.freeze('2026-05-01 00:00:00+00');
select is(tests.balance(:'ann_id', 'monthly', 'resetAt'), '2026-06-01T00:00:00.000000Z', 'until it begins');
select ok(tests.adds_up(:'ann_id'), 'the parts are the whole');

-- The bought cost budget.
select tests.buy(:'ann_id', 100, 5) \g /dev/null
select is(tests.balance(:'ann_id', 'costBudgetUsd'), '3.5', 'what bought credits may cost beside the limits is told');
update playground.accounts set cost_budget_held_usd = 0.25 where account_id = :'ann_id';
select is(tests.balance(:'ann_id', 'costBudgetUsd'), '3.25', 'less what runs hold of it');
select throws_ok(format('select api.get_balance(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select api.get_balance(%L)', :'ann_id'), 'SCA02', null, 'as is a deleted one');
select * from finish();
rollback;
