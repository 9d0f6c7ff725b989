begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(12);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_payer() as ann_id \gset
select tests.start_purchase(:'ann_id', p_payment_intent_id => 'pi_ann') as purchase_id, tests.start_purchase(:'ann_id', 'small') as other_id \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_ann', :'ann_id', :'purchase_id'))) \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_ann', :'ann_id', 400))), tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_ann', 'pi_ann', 100, 'needs_response'))), tests.deliver(tests.event('charge.refunded', tests.charge('pi_unknown', :'ann_id', 400))) \g /dev/null
select is_empty('select * from engine.verify_payments(null)', 'purchases paid and not, refunds and disputes are sound');
select is_empty('select * from engine.verify_payments(engine.now())', 'and those of whoever was touched since an instant');
select is_empty('select * from engine.verify_events(null)', 'events that were handled, and parked ones with a reason, too');

update playground.payments set taken = taken - 1 where payment_intent_id = 'pi_ann';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('revoked_is_what_is_owed', %L::uuid) $$, :'ann_id'), 'credits taken that the payment does not know');
update playground.payments set taken = taken + 1, disputed_cents = 0 where payment_intent_id = 'pi_ann';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('revoked_is_what_is_owed', %L::uuid) $$, :'ann_id'), 'credits suspended by no dispute');
update playground.payments set disputed_cents = 100 where payment_intent_id = 'pi_ann';
update playground.accounts set cost_budget_usd = cost_budget_usd + 1 where account_id = :'ann_id';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('budget_is_purchases_less_runs', %L::uuid) $$, :'ann_id'), 'cost budget that nobody bought');
select tests.advance('1 hour') \g /dev/null
select is_empty('select * from engine.verify_payments(engine.now())', 'what changed before is not read again');
update playground.accounts set cost_budget_usd = cost_budget_usd - 1 where account_id = :'ann_id';
update playground.purchases set credits = 600 where purchase_id = :'purchase_id';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('payment_is_credited_once', %L::uuid) $$, :'ann_id'), 'a pack that brought other credits than it says');
update playground.purchases set credits = 250, price_cents = 999 where purchase_id = :'purchase_id';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('payment_is_credited_once', %L::uuid) $$, :'ann_id'), 'a pack that was paid with another amount');
update playground.purchases set price_cents = 1000 where purchase_id = :'purchase_id';
update playground.payments set budget_due_usd = 1 where payment_intent_id = 'pi_ann';
select results_eq('select invariant, account_id from engine.verify_payments(null)', format($$ values ('debts_are_known', %L::uuid) $$, :'ann_id'), 'a debt that the account does not know');
update playground.payments set budget_due_usd = 0 where payment_intent_id = 'pi_ann';
update playground.stripe_events set next_try_at = null where state = 'parked';
select results_eq('select invariant from engine.verify_events(null)', array['event_is_handled_or_parked'], 'a parked event that nobody tries again');
update playground.stripe_events set next_try_at = engine.now() where state = 'parked';
insert into playground.stripe_event_ids (event_id, received_at) values ('evt_gone', engine.now());
select results_eq('select invariant from engine.verify_events(null)', array['event_is_handled_or_parked'], 'an event that was received and is gone');
select * from finish();
rollback;
