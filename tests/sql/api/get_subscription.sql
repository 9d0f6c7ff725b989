begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(13);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_payer('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id \gset
create function tests.state(p_type text, p_status text, p_changes jsonb default '{}')
returns text
language sql
as $$
  select tests.deliver(tests.event('customer.subscription.' || p_type, tests.subscription('sub_1', user_id, p_status, '2026-11-01 12:00+00', '2026-12-01 12:00+00', p_changes => p_changes)))
  from playground.users where email = 'ann@example.com'
$$;

select is(api.get_subscription(:'ann_id')::jsonb, '{"isActive": false, "status": null, "plan": null, "cancelAtPeriodEnd": false, "currentPeriodEnd": null}', 'nobody begins with a plan');
select tests.state('created', 'incomplete') \g /dev/null
select is(api.get_subscription(:'ann_id')::jsonb ->> 'status', null, 'one that has not begun is none');
select tests.state('updated', 'active'), tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_1', :'ann_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'))) \g /dev/null
select is(api.get_subscription(:'ann_id')::jsonb, '{"isActive": true, "status": "active", "plan": "prpm_plus", "cancelAtPeriodEnd": false, "currentPeriodEnd": "2026-12-01T12:00:00.000000Z"}', 'a plan that was paid');
select tests.advance('1 minute'), tests.state('updated', 'active', '{"cancel_at_period_end": true}') \g /dev/null
select is(api.get_subscription(:'ann_id')::jsonb ->> 'cancelAtPeriodEnd', 'true', 'it may be cancelled at the period''s end');
select tests.advance('1 minute'), tests.state('updated', 'past_due') \g /dev/null
select is(api.get_subscription(:'ann_id')::jsonb - 'plan', '{"isActive": false, "status": "past_due", "cancelAtPeriodEnd": false, "currentPeriodEnd": "2026-12-01T12:00:00.000000Z"}', 'past due is not active');
select tests.freeze('2026-12-05 12:00:00+00') \g /dev/null
select api.get_subscription(:'ann_id') \g /dev/null
select is(last_balance::bigint, 5::bigint, 'whoever looks catches the account up') from playground.accounts where account_id = :'ann_id';
select tests.state('deleted', 'canceled', jsonb_build_object('ended_at', tests.seconds(engine.now()))) \g /dev/null
select is(api.get_subscription(:'ann_id')::jsonb ->> 'status', null, 'one that has ended is none');

-- Of an organisation.
select api.create_organization(:'bob_id', 'Acme') ->> 'id' as acme_id \gset
select is(api.get_subscription(:'bob_id', :'acme_id')::jsonb ->> 'isActive', 'false', 'an organisation has a plan of its own, or none');
select throws_ok(format('select api.get_subscription(%L, %L)', :'cy_id', :'acme_id'), 'SCN01', null, 'strangers do not learn that it is there');
select api.add_member(:'bob_id', :'acme_id', 'cy@example.com', 'member') \g /dev/null
select throws_ok(format('select api.get_subscription(%L, %L)', :'cy_id', :'acme_id'), 'SCN02', null, 'members do not see what it pays');
select api.add_member(:'bob_id', :'acme_id', 'cy@example.com', 'admin') \g /dev/null
select is(api.get_subscription(:'cy_id', :'acme_id')::jsonb ->> 'isActive', 'false', 'its admins do');
select throws_ok(format('select api.get_subscription(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger has none');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
