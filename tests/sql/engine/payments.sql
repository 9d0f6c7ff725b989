begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(71);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

create function tests.paid(p_user_id uuid, p_payment_intent_id text, p_pack text default 'medium', p_amount bigint default 1000)
returns text
language sql
as $$ select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent(p_payment_intent_id, p_user_id, tests.start_purchase(p_user_id, p_pack, p_payment_intent_id), p_amount))) $$;
create function tests.refunded(p_user_id uuid, p_payment_intent_id text, p_cents bigint, p_amount bigint default 1000, p_at timestamptz default null)
returns text
language sql
as $$ select tests.deliver(tests.event('charge.refunded', tests.charge(p_payment_intent_id, p_user_id, p_cents, p_amount), p_at)) $$;
create function tests.disputed(p_payment_intent_id text, p_cents bigint, p_status text, p_at timestamptz default null)
returns text
language sql
as $$ select tests.deliver(tests.event('charge.dispute.updated', tests.dispute('dp_' || p_payment_intent_id, p_payment_intent_id, p_cents, p_status), p_at)) $$;
-- What a payment owes: owed, of it taken, due from holds, short; suspended.
create function tests.debt(p_payment_intent_id text)
returns text
language sql
as $$
  select format('owed %s: taken %s, due %s, short %s; suspended %s', owed, taken, revoke_due, shortfall, suspended)
  from playground.payments where payment_intent_id = p_payment_intent_id
$$;
create function tests.spend(p_user_id uuid, p_credits integer)
returns jsonb
language sql
as $$
  update playground.models set multiplier = p_credits where model = 'sonnet';
  select tests.settle(p_user_id, tests.reserve(p_user_id, p_model => 'sonnet'))
$$;
create function tests.hold(p_user_id uuid, p_credits integer)
returns jsonb
language sql
as $$
  update playground.models set multiplier = p_credits where model = 'sonnet';
  select tests.reserve(p_user_id, p_model => 'sonnet')
$$;
create function tests.free(p_user_id uuid)
returns uuid
language sql
as $$ select admin.set_unlimited(p_user_id, true, 'for a test'); select p_user_id $$;

-- How much is owed.
select is(engine.owed_credits(credits, paid, back), wanted, format('%s of %s cents back of %s credits is %s', back, paid, credits, wanted))
from (values (250::bigint, 1000::bigint, 0::bigint, 0::bigint), (250, 1000, 3, 0), (250, 1000, 4, 1), (250, 1000, 999, 249), (250, 1000, 1000, 250), (250, 1000, 4000, 250), (100, 0, 0, 0)) as listed (credits, paid, back, wanted);

-- Refunds are cumulative.
select tests.make_payer() as ann_id \gset
select is(tests.paid(:'ann_id', 'pi_ann'), 'handled', 'a pack is bought');
select is(tests.refunded(:'ann_id', 'pi_ann', 3), 'handled', 'a charge says what was given back of it in all');
select is(tests.balance(:'ann_id') ->> 'balance', '255', 'less than a credit''s worth takes nothing');
select tests.advance('1 minute'), tests.refunded(:'ann_id', 'pi_ann', 300) \g /dev/null
select is(tests.balance(:'ann_id'), '{"balance": 180, "available": 180, "suspended": 0, "budget": 4.9}', 'a partial refund takes its share of credits and of the cost budget, rounded down');
select tests.refunded(:'ann_id', 'pi_ann', 300), tests.refunded(:'ann_id', 'pi_ann', 300) \g /dev/null
select is(tests.debt('pi_ann'), 'owed 75: taken 75, due 0, short 0; suspended 0', 'told again, in other events, it takes nothing more');
select is(tests.refunded(:'ann_id', 'pi_ann', 100, p_at => engine.now() - interval '1 hour'), 'handled', 'an older word on the charge');
select is(tests.debt('pi_ann'), 'owed 75: taken 75, due 0, short 0; suspended 0', 'changes nothing');
select is(tests.refunded(:'ann_id', 'pi_ann', 400), 'handled', 'of two of one second');
select is(tests.debt('pi_ann'), 'owed 100: taken 100, due 0, short 0; suspended 0', 'the larger is the later');
select tests.advance('1 minute'), tests.refunded(:'ann_id', 'pi_ann', 1000) \g /dev/null
select is(tests.ledger(:'ann_id'), array['1 signup +5 = 5 (signup +5)', '2 purchase +250 = 255 (purchase +250)', '3 refund -75 = 180 (purchase -75)', '4 refund -25 = 155 (purchase -25)', '5 refund -150 = 5 (purchase -150)'], 'the history shows each taking; signup credits stay');
select is((receipt_url, charge_id), ('https://pay.stripe.com/receipts/pi_ann'::text, 'ch_pi_ann'::text), 'the receipt''s address is kept') from playground.payments where payment_intent_id = 'pi_ann';
select is(array_agg(kind || ' ' || (details ->> 'refunded') order by created_at, (details ->> 'refunded')::integer), array['refund 3', 'refund 300', 'refund 400', 'refund 1000'], 'each new figure is told, once') from playground.notices where user_id = :'ann_id' and kind = 'refund';

-- Refunds that fail.
select tests.make_payer() as bob_id \gset
select tests.paid(:'bob_id', 'pi_bob'), tests.advance('1 minute'), tests.refunded(:'bob_id', 'pi_bob', 400) \g /dev/null
select engine.now() as made_at \gset
select tests.advance('1 minute') \g /dev/null
select is(tests.deliver(tests.event('refund.failed', tests.refund('re_1', 'pi_bob', 400, 'failed', :'made_at'))), 'handled', 'a refund that fails');
select is(tests.balance(:'bob_id') ->> 'balance', '255', 'gives its credits back');
select is(tests.deliver(tests.event('refund.updated', tests.refund('re_1', 'pi_bob', 400, 'succeeded', :'made_at'), :'made_at')), 'handled', 'an older word on it');
select is(tests.debt('pi_bob'), 'owed 0: taken 0, due 0, short 0; suspended 0', 'takes nothing');
select is(tests.deliver(tests.event('refund.created', tests.refund('re_2', 'pi_bob', 200, 'pending', engine.now()))), 'handled', 'a refund of which the charge has not spoken yet');
select is(tests.debt('pi_bob'), 'owed 50: taken 50, due 0, short 0; suspended 0', 'counts');
select tests.advance('1 minute'), tests.refunded(:'bob_id', 'pi_bob', 200) \g /dev/null
select is(tests.debt('pi_bob'), 'owed 50: taken 50, due 0, short 0; suspended 0', 'and once only when it has');
select is(array_agg(engine.refund_rank(status) order by n), array[1, 2, 3, 4, 4], 'of one second: a refund that succeeded may still fail')
from unnest(array['pending', 'requires_action', 'succeeded', 'failed', 'canceled']) with ordinality as listed (status, n);

-- Disputes.
select tests.make_payer() as cy_id \gset
select tests.paid(:'cy_id', 'pi_cy'), tests.advance('1 minute') \g /dev/null
select is(tests.disputed('pi_cy', 1000, 'warning_needs_response'), 'handled', 'a warning');
select is(tests.balance(:'cy_id') ->> 'available', '255', 'suspends nothing');
select is(tests.disputed('pi_cy', 400, 'needs_response'), 'handled', 'a dispute');
select is(tests.balance(:'cy_id'), '{"balance": 255, "available": 155, "suspended": 100, "budget": 4.2}', 'suspends its share of what was bought, and of the budget');
select is(array_agg(details), array['{"credits": 100}'::jsonb], 'the payer is told') from playground.notices where user_id = :'cy_id' and kind = 'dispute';
select tests.advance('1 minute'), tests.refunded(:'cy_id', 'pi_cy', 800) \g /dev/null
select is(tests.debt('pi_cy'), 'owed 200: taken 200, due 0, short 0; suspended 50', 'a refund and a dispute of one charge ask for no more than was paid');
select tests.advance('1 minute'), tests.disputed('pi_cy', 400, 'lost') \g /dev/null
select is(tests.debt('pi_cy'), 'owed 250: taken 250, due 0, short 0; suspended 0', 'lost, it revokes what is left');
select is(tests.disputed('pi_cy', 400, 'under_review', engine.now() - interval '10 seconds'), 'handled', 'an older word on the dispute');
select is(tests.debt('pi_cy'), 'owed 250: taken 250, due 0, short 0; suspended 0', 'changes nothing');
select tests.make_payer() as dee_id \gset
select tests.paid(:'dee_id', 'pi_dee'), tests.advance('1 minute'), tests.disputed('pi_dee', 1000, 'needs_response'), tests.disputed('pi_dee', 1000, 'won') \g /dev/null
select is(tests.balance(:'dee_id'), '{"balance": 255, "available": 255, "suspended": 0, "budget": 7}', 'won, in the same second even, it restores everything');
select tests.advance('1 minute'), tests.disputed('pi_dee', 1000, 'warning_closed') \g /dev/null
select is(tests.balance(:'dee_id') ->> 'available', '255', 'a closed warning is no loss');

-- Where it is taken from.
select tests.free(tests.make_payer()) as eve_id \gset
select admin.grant_credits(:'eve_id', 40, 'for a test', 'bonus') \g /dev/null
select tests.advance('1 minute'), tests.paid(:'eve_id', 'pi_eve_1', 'small', 500), tests.advance('1 minute'), tests.paid(:'eve_id', 'pi_eve_2', 'small', 500) \g /dev/null
select tests.spend(:'eve_id', 45 + 70) \g /dev/null
select admin.grant_credits(:'eve_id', 40, 'for a test', 'bonus') \g /dev/null
select tests.advance('1 minute'), tests.refunded(:'eve_id', 'pi_eve_1', 500, 500) \g /dev/null
select is(tests.lots(:'eve_id'), array['signup 0 of 5, held 0', 'bonus 0 of 40, held 0', 'purchase 0 of 100, held 0', 'purchase 30 of 100, held 0', 'bonus 40 of 40, held 0'], 'its own lot first, then other bought ones; never what was given');
select is(tests.debt('pi_eve_1'), 'owed 100: taken 100, due 0, short 0; suspended 0', 'nothing is short while bought credits are left');
select tests.advance('1 minute'), tests.refunded(:'eve_id', 'pi_eve_2', 500, 500) \g /dev/null
select is(tests.debt('pi_eve_2'), 'owed 100: taken 100, due 0, short 0; suspended 0', 'a lot answers for its own payment first');
select is(tests.debt('pi_eve_1'), 'owed 100: taken 30, due 0, short 70; suspended 0', 'the other one is short');
select is((select is_owing from playground.accounts where account_id = :'eve_id'), true, 'the account knows');
select is(tests.paid(:'eve_id', 'pi_eve_3', 'small', 500), 'handled', 'the next pack');
select is((tests.ledger(:'eve_id'))[10:], array['10 purchase +100 = 140 (purchase +100)', '11 refund -70 = 70 (purchase -70)'], 'pays the shortfall first, for all to see');
select is((select is_owing from playground.accounts where account_id = :'eve_id'), false, 'then nothing is owed');
select tests.advance('1 minute'), tests.deliver(tests.event('refund.failed', tests.refund('re_eve', 'pi_eve_1', 500, 'failed', engine.now() - interval '2 minutes'))) \g /dev/null
select is(tests.debt('pi_eve_1'), 'owed 0: taken 0, due 0, short 0; suspended 0', 'a refund that failed owes nothing');
select is((tests.lots(:'eve_id'))[3:], array['purchase 30 of 100, held 0', 'purchase 0 of 100, held 0', 'bonus 40 of 40, held 0', 'purchase 100 of 100, held 0'], 'each lot gets back what was taken of it');

-- What runs hold is left to them.
select tests.free(tests.make_payer()) as fay_id \gset
select tests.paid(:'fay_id', 'pi_fay', 'small', 500) \g /dev/null
select tests.hold(:'fay_id', 85) as run \gset
select tests.advance('1 minute'), tests.refunded(:'fay_id', 'pi_fay', 500, 500) \g /dev/null
select is(tests.lots(:'fay_id'), array['signup 5 of 5, held 5', 'purchase 80 of 100, held 80'], 'a refund takes what no run holds');
select is(tests.debt('pi_fay'), 'owed 100: taken 20, due 80, short 0; suspended 0', 'the rest is due');
select tests.release(:'fay_id', :'run') \g /dev/null
select is(tests.lots(:'fay_id'), array['signup 5 of 5, held 0', 'purchase 0 of 100, held 0'], 'and taken when the run gives it back');
select tests.free(tests.make_payer()) as gus_id \gset
select tests.paid(:'gus_id', 'pi_gus', 'small', 500) \g /dev/null
select tests.hold(:'gus_id', 85) as run \gset
select tests.advance('1 minute'), tests.refunded(:'gus_id', 'pi_gus', 500, 500), tests.settle(:'gus_id', :'run') \g /dev/null
select is(tests.debt('pi_gus'), 'owed 100: taken 20, due 0, short 80; suspended 0', 'what the run spent is short');
select is(tests.balance(:'gus_id') ->> 'available', '0', 'and nothing is left');

-- Bought cost budget that runs have drawn.
select tests.make_payer() as hal_id \gset
select tests.paid(:'hal_id', 'pi_hal', 'small', 500) \g /dev/null
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
-- What was suspended was not free: the burn order of a run in between is not broken by how the dispute ended.
select tests.make_payer('joy@scrip.example') as joy_id \gset
select tests.paid(:'joy_id', 'pi_joy_1', 'small', 500) \g /dev/null
select tests.disputed('pi_joy_1', 500, 'needs_response') \g /dev/null
select tests.advance('1 minute');
select tests.paid(:'joy_id', 'pi_joy_2', 'small', 500) \g /dev/null
select tests.advance('1 minute');
select tests.settle(:'joy_id', tests.reserve(:'joy_id')) \g /dev/null
select tests.advance('1 minute');
select is(tests.disputed('pi_joy_1', 500, 'lost'), 'handled', 'a dispute is lost after a run');
select is(tests.books(), 'in order', 'that took of another lot, and rightly so');

-- What comes back to a lot under dispute is suspended there.
select tests.make_payer('kay@scrip.example') as kay_id \gset
select tests.paid(:'kay_id', 'pi_kay_1', 'small', 500) \g /dev/null
select tests.settle(:'kay_id', tests.reserve(:'kay_id')) \g /dev/null
select tests.advance('1 minute');
select tests.paid(:'kay_id', 'pi_kay_2', 'small', 500) \g /dev/null
select tests.refunded(:'kay_id', 'pi_kay_1', 500, 500) \g /dev/null
select tests.disputed('pi_kay_2', 500, 'needs_response') \g /dev/null
select tests.advance('1 minute');
select tests.deliver(tests.event('refund.failed', tests.refund('re_kay', 'pi_kay_1', 500, 'failed', engine.now() - interval '1 minute'))) \g /dev/null
select is(
  (select sum(least(g.remaining, y.suspended)) - sum(g.suspended) from playground.grants g join playground.payments y on y.account_id = g.account_id and y.purchase_id = g.purchase_id where y.payment_intent_id = 'pi_kay_2'),
  0::numeric, 'what a failed refund of one pack gives back to another is suspended while that one is disputed');
select is(tests.books(), 'in order', 'and the books hold');
select * from finish();
rollback;
