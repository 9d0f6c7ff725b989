begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(61);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null
create function tests.state(
  p_type text, p_account_id uuid, p_status text, p_start timestamptz, p_end timestamptz, p_changes jsonb default '{}', p_at timestamptz default null,
  p_id text default null, p_price text default 'price_individual')
returns text
language sql
as $$
  select tests.deliver(tests.event('customer.subscription.' || p_type,
    tests.subscription(coalesce(p_id, 'sub_' || p_account_id), p_account_id, p_status, p_start, p_end, p_price, p_changes), p_at))
$$;
create function tests.paid(
  p_account_id uuid, p_start timestamptz, p_end timestamptz, p_paid_at timestamptz default null, p_changes jsonb default '{}', p_id text default null)
returns text
language sql
as $$
  select tests.deliver(tests.event('invoice.paid', tests.invoice(
    'in_' || p_account_id || p_start::date, coalesce(p_id, 'sub_' || p_account_id), p_account_id, p_start, p_end, p_paid_at) || p_changes))
$$;
create function tests.plan_of(p_account_id uuid)
returns text
language sql
as $$
  select concat_ws(' ', status, periods, 'until ' || period_end::date, 'cancels ' || ends_at::date, 'ended ' || ended_at::date)
  from playground.subscriptions where account_id = p_account_id
$$;
create function tests.plan_lots(p_account_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s, suspended %s, until %s', bucket, remaining, suspended, expires_at::date) order by grant_id)
  from playground.grants where account_id = p_account_id and bucket <> 'purchased' and remaining > 0
$$;
create function tests.look(p_account_id uuid, p_at timestamptz)
returns text[]
language sql
as $$ select tests.freeze(p_at); select api.get_balance(p_account_id); select tests.plan_lots(p_account_id) $$;
create function tests.begun(p_start timestamptz default '2026-11-01 12:00+00')
returns uuid
language plpgsql
as $$
declare
  v_user_id uuid;
begin
  perform tests.freeze(p_start);
  v_user_id := tests.make_payer();
  perform tests.state('created', v_user_id, 'active', p_start, p_start + interval '30 days');
  perform tests.paid(v_user_id, p_start, p_start + interval '30 days');
  return v_user_id;
end $$;

-- A plan begins.
select tests.make_payer() as ann_id \gset
select is(tests.paid(:'ann_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'parked: unknown_subscription', 'an invoice that comes before its subscription waits');
select is(tests.state('created', :'ann_id', 'incomplete', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'a subscription that has not begun');
select is(tests.plan_lots(:'ann_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'what waited for it is applied: a paid invoice grants the month');
select is(tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'it begins');
select is(tests.plan_of(:'ann_id'), 'active 1 until 2026-12-01', 'the plan has one period');
select is(tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'news of the plan');
select is(tests.paid(:'ann_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'and the invoice in another event');
select is(tests.ledger(:'ann_id'), array['1 signup +5 = 5 (signup +5)', '2 monthly +100 = 105 (period +100)'], 'grant nothing more');
select is(
  tests.deliver(tests.event('invoice.paid', tests.invoice('in_other', 'sub_' || :'ann_id', :'ann_id', '2026-11-15 12:00+00', '2026-12-15 12:00+00'))),
  'handled: period_confirmed_before', 'nor does a period that overlaps');
select is((paid_at, confirmed_at, invoice_id)::text, ('2026-11-01 12:00+00'::timestamptz, '2026-11-01 12:00+00'::timestamptz, 'in_' || :'ann_id' || '2026-11-01')::text, 'the period knows what paid it') from playground.periods where account_id = :'ann_id';

-- The newest word counts.
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

-- Renewals.
select tests.begun() as bob_id \gset
select is(tests.state('updated', :'bob_id', 'active', '2026-12-01 12:00+00', '2026-12-31 12:00+00', p_at => '2026-11-01 12:01+00'), 'handled', 'a plan that says it has renewed');
select is(tests.plan_of(:'bob_id'), 'active 1 until 2026-12-01', 'has not: only a paid invoice confirms a period');
select is(tests.look(:'bob_id', '2026-12-03 12:00+00'), array['monthly 100, suspended 0, until 2026-12-04'], 'while a renewal is expected, unused credits live on for the grace');
select is(tests.paid(:'bob_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-03 11:00+00'), 'handled', 'a renewal paid within it');
select is(tests.plan_lots(:'bob_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'rolls over what is unused');
select is(tests.look(:'bob_id', '2027-01-03 12:00+00'), null, 'unrenewed, all of it expires when the grace is over');
select is(tests.paid(:'bob_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00', '2026-12-31 12:05+00'), 'handled', 'a renewal paid in time and heard of late');
select is(tests.plan_lots(:'bob_id'), array['rollover 100, suspended 0, until 2027-01-30', 'monthly 100, suspended 0, until 2027-02-02'], 'rolls over what had expired meanwhile');
select tests.freeze('2027-02-05 12:00+00'), tests.paid(:'bob_id', '2027-01-30 12:00+00', '2027-03-01 12:00+00', '2027-02-02 12:00:01+00') \g /dev/null
select is(tests.plan_lots(:'bob_id'), array['monthly 100, suspended 0, until 2027-03-04'], 'paid after the grace, nothing rolls over');
select is((array_agg(effective_at order by number desc))[2]::text, '2027-02-02 12:00:00+00', 'what expired did so at the end of the grace') from playground.transactions where account_id = :'bob_id';

-- Periods that come in another order.
select tests.begun() as cy_id \gset
select tests.freeze('2027-01-02 12:00+00'), tests.paid(:'cy_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_lots(:'cy_id'), array['monthly 100, suspended 0, until 2027-02-02'], 'without the month between, nothing reaches the third');
select tests.paid(:'cy_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is((tests.plan_of(:'cy_id'), tests.plan_lots(:'cy_id'))::text, ('active 3 until 2027-01-30'::text, array['monthly 100, suspended 0, until 2027-02-02', 'rollover 100, suspended 0, until 2027-01-30'])::text, 'heard of last, it hands on what it would have');
select is(count(*), 1::bigint, 'what the first month had handed on is over by now') from playground.grants where account_id = :'cy_id' and bucket = 'rollover' and remaining = 0 and expires_at = '2026-12-31 12:00+00';

-- At most so many credits roll over.
select tests.make_plan_of(300, 200) \g /dev/null
select admin.set_plan_price('test_300', 'price_300', 'for a test') \g /dev/null
select tests.freeze('2026-11-01 12:00+00'), tests.make_payer() as dee_id \gset
select tests.state('created', :'dee_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00', p_price => 'price_300') \g /dev/null
create function tests.paid_300(p_account_id uuid, p_start timestamptz, p_end timestamptz)
returns text
language sql
as $$ select tests.deliver(tests.event('invoice.paid', tests.invoice('in_300_' || p_start::date, 'sub_' || p_account_id, p_account_id, p_start, p_end, p_start, 'price_300'))) $$;
select is(tests.paid_300(:'dee_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'a plan of 300 a month');
select tests.freeze('2026-12-01 12:01+00'), tests.paid_300(:'dee_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_lots(:'dee_id'), array['rollover 200, suspended 0, until 2026-12-31', 'monthly 300, suspended 0, until 2027-01-03'], 'rolls over 200, the rest expires');
select tests.freeze('2026-12-31 12:01+00'), tests.paid_300(:'dee_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00') \g /dev/null
select is(tests.plan_lots(:'dee_id'), array['rollover 200, suspended 0, until 2027-01-30', 'monthly 300, suspended 0, until 2027-02-02'], 'for one period: what had rolled over before expires');

-- What a run holds.
select tests.begun() as eve_id \gset
select tests.freeze('2026-12-01 11:59+00'), tests.reserve(:'eve_id') as run \gset
select held::bigint as held from playground.grants where account_id = :'eve_id' and bucket = 'monthly' \gset
select tests.freeze('2026-12-01 12:00+00'), tests.paid(:'eve_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is((remaining, held)::text, (:'held'::playground.credits, :'held'::playground.credits)::text, 'what a run holds does not roll over') from playground.grants where account_id = :'eve_id' and bucket = 'monthly' and expired_at is not null;
select tests.release(:'eve_id', :'run') \g /dev/null
select is(remaining::bigint, 0::bigint, 'and expires when it is given back') from playground.grants where account_id = :'eve_id' and bucket = 'monthly' and expired_at is not null;

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
select tests.advance('1 hour'), tests.paid(:'fay_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:30+00') \g /dev/null
select is(tests.plan_lots(:'fay_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'paid, they roll over unsuspended');
select is(tests.deliver(tests.event('invoice.payment_failed', tests.invoice('in_f', 'sub_' || :'fay_id', :'fay_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00'))), 'handled', 'an invoice that failed changes nothing by itself');

-- Refunds and disputes of an invoice.
select tests.begun() as gus_id \gset
select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 300, 600))), 'parked: unknown_payment', 'a refund of what paid an invoice');
select is(tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'gus_id' || '2026-11-01', 'pi_gus'))), 'handled', 'finds it when Stripe says so');
select is(tests.plan_lots(:'gus_id'), array['monthly 50, suspended 0, until 2026-12-04'], 'and takes from that period''s credits');
select tests.freeze('2026-12-01 12:01+00'), tests.paid(:'gus_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 450, 600))) \g /dev/null
select is(tests.plan_lots(:'gus_id'), array['rollover 25, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'then from its rollover, never from another period''s');
select tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_gus', 'pi_gus', 60, 'needs_response'))) \g /dev/null
select is((tests.plan_lots(:'gus_id'))[1], 'rollover 25, suspended 10, until 2026-12-31', 'a dispute suspends there');
select tests.advance('1 minute'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 600, 600))) \g /dev/null
select is((owed, taken, revoke_due, shortfall)::text, (100::playground.credits, 100::playground.credits, 0::playground.credits, 0::playground.credits)::text, 'all of it back') from playground.payments where payment_intent_id = 'pi_gus';
select tests.begun() as hal_id \gset
select tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'hal_id' || '2026-11-01', 'pi_hal'))) \g /dev/null
select tests.look(:'hal_id', '2026-12-05 12:00+00'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_hal', :'hal_id', 600, 600))) \g /dev/null
select is((owed, taken, shortfall)::text, (100::playground.credits, 0::playground.credits, 0::playground.credits)::text, 'of credits that have expired nothing is short') from playground.payments where payment_intent_id = 'pi_hal';
select tests.paid(:'hal_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is(tests.plan_lots(:'hal_id'), array['monthly 100, suspended 0, until 2027-01-03'], 'news that brings them back brings them to the refund');
select tests.advance('1 minute'), tests.deliver(tests.event('refund.failed', tests.refund('re_hal', 'pi_hal', 600, 'failed', '2026-12-05 12:00+00'))) \g /dev/null
select is(tests.plan_lots(:'hal_id'), array['monthly 100, suspended 0, until 2027-01-03', 'rollover 100, suspended 0, until 2026-12-31'], 'a refund that failed gives them to the rollover');

-- A second plan.
select tests.begun() as ida_id \gset
select is(tests.state('created', :'ida_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00', p_id => 'sub_second'), 'parked: second_subscription', 'a second live plan is parked');
select is(tests.paid(:'ida_id', '2026-11-02 12:00+00', '2026-12-02 12:00+00', p_id => 'sub_second'), 'parked: unknown_subscription', 'granted nothing');
select is((kind, stripe_id, next_try_at, state)::text, ('cancel_and_refund_subscription'::text, 'sub_second'::text, '2026-11-01 12:05+00'::timestamptz, 'due'::text)::text, 'and cancelled and refunded, after a while') from playground.billing_tasks where account_id = :'ida_id';
select tests.state('deleted', :'ida_id', 'canceled', '2026-11-01 12:00+00', '2026-12-01 12:00+00', jsonb_build_object('ended_at', tests.seconds(engine.now()))) \g /dev/null
select is((select array_agg(concat_ws(' ', stripe_subscription_id = 'sub_second', status, periods) order by ended_at) from playground.subscriptions where account_id = :'ida_id'), array['f canceled 1', 't active 1'], 'the end of the first one');
select is((select array_agg(state) from playground.billing_tasks where account_id = :'ida_id'), array['withdrawn'], 'was on its way: the second one lives, and the task is withdrawn');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
