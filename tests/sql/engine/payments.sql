begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../payments.psql
select plan(21);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- How much is owed.
select is(engine.owed_credits(credits, paid, back), wanted, format('%s of %s cents back of %s credits is %s', back, paid, credits, wanted))
from (values (250::bigint, 1000::bigint, 0::bigint, 0::bigint), (250, 1000, 3, 0), (250, 1000, 4, 1), (250, 1000, 999, 249), (250, 1000, 1000, 250), (250, 1000, 4000, 250), (100, 0, 0, 0)) as listed (credits, paid, back, wanted);

-- Bought cost budget that runs have drawn.
select tests.make_payer() as hal_id \gset
select tests.paid_pack(:'hal_id', 'pi_hal', 'small', 500) \g /dev/null
update playground.accounts set cost_budget_held_usd = 3 where account_id = :'hal_id';
select tests.advance('1 minute'), tests.refunded(:'hal_id', 'pi_hal', 500, 500) \g /dev/null
select is((budget_usd, budget_due_usd)::text, (3.000000000000, 3.000000000000)::text, 'budget that runs hold stays due') from playground.payments where payment_intent_id = 'pi_hal';
update playground.accounts set cost_budget_held_usd = 0 where account_id = :'hal_id';
select engine.settle_debts(:'hal_id', engine.now()) \g /dev/null
select is((budget_usd, budget_due_usd)::text, (0.000000000000, 0.000000000000)::text, 'until they end') from playground.payments where payment_intent_id = 'pi_hal';

-- Events that find no payment.
select tests.make_payer() as ida_id \gset
select is(tests.refunded(:'ida_id', 'pi_unknown', 100), 'parked: unknown_payment', 'a refund of an unknown payment waits for it');
select is(tests.deliver(tests.event('refund.created', tests.refund('re_x', 'pi_unknown', 100, 'succeeded', engine.now()))), 'parked: unknown_payment', 'so does the refund itself');
select is(tests.disputed('pi_unknown', 100, 'needs_response'), 'parked: unknown_payment', 'and a dispute');
select is(tests.deliver(tests.event('charge.succeeded', tests.charge('pi_unknown', :'ida_id', 0))), 'ignored: unknown_payment', 'a charge that only succeeded has nothing to wait for');
select tests.start_purchase(:'ida_id') as purchase_id \gset
select is(
  tests.deliver(tests.event('charge.refunded', tests.charge('pi_ida', :'ida_id', 500) || jsonb_build_object('metadata', jsonb_build_object('purchase_id', :'purchase_id')))),
  'handled', 'a charge says by its metadata which purchase it is for');
select is(tests.debt('pi_ida'), 'owed 0: taken 0, due 0, short 0; suspended 0', 'nothing is owed before it is paid');
select is(tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_ida', :'ida_id', :'purchase_id'), engine.now() - interval '1 minute')), 'handled', 'when it is');
select is(tests.balance(:'ida_id') ->> 'balance', '130', 'the refund is there already');
select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_ida', :'ida_id', 500) || '{"amount_refunded": 10.5}')), 'parked: malformed', 'half a cent is no amount');
select is(tests.deliver(tests.event('refund.created', tests.refund('re_y', 'pi_ida', 100, 'succeeded', engine.now()) || '{"amount": -1}')), 'parked: malformed', 'nor is less than nothing');
select is(tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_y', 'pi_ida', 100, 'lost') - 'status')), 'parked: malformed', 'a dispute without a state says nothing');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
