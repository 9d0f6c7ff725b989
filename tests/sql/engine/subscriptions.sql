begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../plans.psql
select plan(23);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- The newest word counts.
select tests.begun() as ann_id \gset
select is(tests.state('updated', :'ann_id', 'past_due', '2026-11-01 12:00+00', '2026-12-01 12:00+00', p_at => engine.now() - interval '1 second'), 'handled', 'an older event');
select is(tests.plan_of(:'ann_id'), 'active 1 until 2026-12-01', 'changes nothing');
select tests.state('updated', :'ann_id', 'past_due', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), tests.state('updated', :'ann_id', 'trialing', '2026-11-01 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is(tests.plan_of(:'ann_id'), 'past_due 1 until 2026-12-01', 'of one second the further state is the newer');
select tests.state('updated', :'ann_id', 'active', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_of(:'ann_id'), 'active 1 until 2026-12-01', 'a later period before that');
select tests.advance('1 second'), tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00', '{"cancel_at_period_end": true}') \g /dev/null
select is(tests.plan_of(:'ann_id'), 'active 1 until 2026-12-01 cancels 2026-12-01', 'cancelled at the period''s end');
select is(tests.plan_lots(:'ann_id'), array['monthly 100, suspended 0, until 2026-12-01'], 'its credits end with the period');
select tests.advance('1 second'), tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is(tests.plan_lots(:'ann_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'resumed, they wait for the renewal');
select tests.advance('1 second'), tests.state('deleted', :'ann_id', 'canceled', '2026-11-01 12:00+00', '2026-12-01 12:00+00', jsonb_build_object('ended_at', tests.seconds(engine.now()))) \g /dev/null
select is((tests.plan_of(:'ann_id'), tests.plan_lots(:'ann_id'))::text, ('canceled 1 until 2026-12-01 ended 2026-11-01'::text, null::text[])::text, 'ended at once, its credits expire');
select tests.advance('1 hour'), tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is(tests.plan_of(:'ann_id'), 'canceled 1 until 2026-12-01 ended 2026-11-01', 'an end is final');
select is(array_agg(kind order by created_at, kind), array['past_due', 'subscription_ended'], 'the payer is told of arrears and of the end, once each') from playground.notices where user_id = :'ann_id';

-- Past due.
select tests.begun() as fay_id \gset
select is(tests.state('updated', :'fay_id', 'past_due', '2026-12-01 12:00+00', '2026-12-31 12:00+00'), 'handled', 'a plan that is past due');
select is(tests.plan_lots(:'fay_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'keeps what was paid for');
select is(suspend_at, '2026-12-01 12:00+00', 'until the period is over') from playground.subscriptions where account_id = :'fay_id';
select is(tests.look(:'fay_id', '2026-12-01 12:00+00'), array['monthly 100, suspended 100, until 2026-12-04'], 'then the credits of the grace are suspended');
select tests.advance('1 hour'), tests.state('updated', :'fay_id', 'active', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_lots(:'fay_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'and come back when Stripe says it was paid');
select tests.advance('1 hour'), tests.state('updated', :'fay_id', 'unpaid', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_lots(:'fay_id'), array['monthly 100, suspended 100, until 2026-12-04'], 'unpaid is past due');
select tests.advance('1 hour'), tests.paid_period(:'fay_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:30+00') \g /dev/null
select is(tests.plan_lots(:'fay_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'paid, they roll over unsuspended');

-- A second plan.
select tests.begun() as ida_id \gset
select is(tests.state('created', :'ida_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00', p_id => 'sub_second'), 'parked: second_subscription', 'a second live plan is parked');
select is(tests.paid_period(:'ida_id', '2026-11-02 12:00+00', '2026-12-02 12:00+00', p_id => 'sub_second'), 'parked: unknown_subscription', 'granted nothing');
select is((kind, stripe_id, next_try_at, state)::text, ('cancel_and_refund_subscription'::text, 'sub_second'::text, '2026-11-01 12:05+00'::timestamptz, 'due'::text)::text, 'and cancelled and refunded, after a while') from playground.billing_tasks where account_id = :'ida_id';
select tests.state('deleted', :'ida_id', 'canceled', '2026-11-01 12:00+00', '2026-12-01 12:00+00', jsonb_build_object('ended_at', tests.seconds(engine.now()))) \g /dev/null
select is((select array_agg(concat_ws(' ', stripe_subscription_id = 'sub_second', status, periods) order by ended_at) from playground.subscriptions where account_id = :'ida_id'), array['f canceled 1', 't active 1'], 'the end of the first one');
select is((select array_agg(state) from playground.billing_tasks where account_id = :'ida_id'), array['withdrawn'], 'was on its way: the second one lives, and the task is withdrawn');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
