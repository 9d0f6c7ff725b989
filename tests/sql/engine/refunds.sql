begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../payments.psql
select plan(21);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- Refunds are cumulative.
select tests.make_payer() as ann_id \gset
select is(tests.paid_pack(:'ann_id', 'pi_ann'), 'handled', 'a pack is bought');
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
select tests.paid_pack(:'bob_id', 'pi_bob'), tests.advance('1 minute'), tests.refunded(:'bob_id', 'pi_bob', 400) \g /dev/null
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
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
