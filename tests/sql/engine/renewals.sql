begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../plans.psql
select plan(22);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- Renewals.
select tests.begun() as bob_id \gset
select is(tests.state('updated', :'bob_id', 'active', '2026-12-01 12:00+00', '2026-12-31 12:00+00', p_at => '2026-11-01 12:01+00'), 'handled', 'a plan that says it has renewed');
select is(tests.plan_of(:'bob_id'), 'active 1 until 2026-12-01', 'has not: only a paid invoice confirms a period');
select is(tests.look(:'bob_id', '2026-12-03 12:00+00'), array['monthly 100, suspended 0, until 2026-12-04'], 'while a renewal is expected, unused credits live on for the grace');
select is(tests.paid_period(:'bob_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-03 11:00+00'), 'handled', 'a renewal paid within it');
select is(tests.plan_lots(:'bob_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'rolls over what is unused');
select is(tests.look(:'bob_id', '2027-01-03 12:00+00'), null, 'unrenewed, all of it expires when the grace is over');
select is(tests.paid_period(:'bob_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00', '2026-12-31 12:05+00'), 'handled', 'a renewal paid in time and heard of late');
select is(tests.plan_lots(:'bob_id'), array['rollover 100, suspended 0, until 2027-01-30', 'monthly 100, suspended 0, until 2027-02-02'], 'rolls over what had expired meanwhile');
select tests.freeze('2027-02-05 12:00+00'), tests.paid_period(:'bob_id', '2027-01-30 12:00+00', '2027-03-01 12:00+00', '2027-02-02 12:00:01+00') \g /dev/null
select is(tests.plan_lots(:'bob_id'), array['monthly 100, suspended 0, until 2027-03-04'], 'paid after the grace, nothing rolls over');
select is((array_agg(effective_at order by number desc))[2]::text, '2027-02-02 12:00:00+00', 'what expired did so at the end of the grace') from playground.transactions where account_id = :'bob_id';

-- Periods that come in another order.
select tests.begun() as cy_id \gset
select tests.freeze('2027-01-02 12:00+00'), tests.paid_period(:'cy_id', '2026-12-31 12:00+00', '2027-01-30 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is(tests.plan_lots(:'cy_id'), array['monthly 100, suspended 0, until 2027-02-02'], 'without the month between, nothing reaches the third');
select tests.paid_period(:'cy_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:00+00') \g /dev/null
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
select tests.freeze('2026-12-01 12:00+00'), tests.paid_period(:'eve_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select is((remaining, held)::text, (:'held'::playground.credits, :'held'::playground.credits)::text, 'what a run holds does not roll over') from playground.grants where account_id = :'eve_id' and bucket = 'monthly' and expired_at is not null;
select tests.release(:'eve_id', :'run') \g /dev/null
select is(remaining::bigint, 0::bigint, 'and expires when it is given back') from playground.grants where account_id = :'eve_id' and bucket = 'monthly' and expired_at is not null;

-- What a refund takes of credits that have expired.
select tests.begun() as hal_id \gset
select tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'hal_id' || '2026-11-01', 'pi_hal'))) \g /dev/null
select tests.look(:'hal_id', '2026-12-05 12:00+00'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_hal', :'hal_id', 600, 600))) \g /dev/null
select is((owed, taken, shortfall)::text, (100::playground.credits, 0::playground.credits, 0::playground.credits)::text, 'of credits that have expired nothing is short') from playground.payments where payment_intent_id = 'pi_hal';
select tests.paid_period(:'hal_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00', '2026-12-01 12:00+00') \g /dev/null
select is(tests.plan_lots(:'hal_id'), array['monthly 100, suspended 0, until 2027-01-03'], 'news that brings them back brings them to the refund');
select tests.advance('1 minute'), tests.deliver(tests.event('refund.failed', tests.refund('re_hal', 'pi_hal', 600, 'failed', '2026-12-05 12:00+00'))) \g /dev/null
select is(tests.plan_lots(:'hal_id'), array['monthly 100, suspended 0, until 2027-01-03', 'rollover 100, suspended 0, until 2026-12-31'], 'a refund that failed gives them to the rollover');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
