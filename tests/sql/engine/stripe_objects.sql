begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(47);
select tests.freeze('2026-11-20 12:00:00+00');

-- Amounts are whole numbers, and nothing else is one.
select is(engine.stripe_integer(given::jsonb), wanted, format('%s is %s', given, coalesce(wanted::text, 'no amount')))
from (values
  ('0', 0::bigint), ('1000', 1000), ('999999999999999', 999999999999999), ('1000000000000000', null), ('-1', null), ('10.5', null), ('1e3', 1000),
  ('"1000"', null), ('null', null), ('true', null), ('[1000]', null), ('{"amount": 1000}', null)
) as listed (given, wanted);
select is(engine.stripe_integer(null), null, 'a missing amount is none');
select is(engine.stripe_integer('10.0'), null, 'nor is one with a fraction of nothing');

-- Instants.
select is(engine.stripe_time('1795176000'), '2026-11-20 12:00:00+00', 'seconds since 1970 are an instant');
select is(engine.stripe_time(given::jsonb), null, format('%s is no instant', left(given, 20)))
from unnest(array['-1', '1.5', '"1795176000"', 'null', '999999999999']) as given;

-- Texts and ids.
select is(engine.stripe_text('"pi_1"'), 'pi_1', 'a text is itself');
select is(engine.stripe_text(given::jsonb), null, format('%s is no text', what))
from (values ('""', 'nothing'), (to_jsonb(repeat('x', 256))::text, 'more than 255 characters'), ('7', 'a number'), ('null', 'null'), ('["a"]', 'a list')) as listed (given, what);
select is(engine.stripe_id('"cus_1"'), 'cus_1', 'an object may be named by its id');
select is(engine.stripe_id('{"id": "cus_1", "object": "customer"}'), 'cus_1', 'or be there itself');
select is(engine.stripe_id('{"object": "customer"}'), null, 'an object without an id is nobody');
select is(engine.stripe_uuid('0194c0de-0000-7000-8000-00000000abcd'), '0194c0de-0000-7000-8000-00000000abcd', 'an id of ours out of metadata');
select is(engine.stripe_uuid(given), null, format('%s is no id of ours', coalesce(given, 'nothing')))
from unnest(array[null, '', 'x', '0194C0DE-0000-7000-8000-00000000ABCD', '{0194c0de-0000-7000-8000-00000000abcd}', '0194c0de000070008000000000000abcd']) as given;

-- Subscriptions: both shapes read the same.
select tests.subscription('sub_1', '0194c0de-0000-7000-8000-00000000abcd', 'active', '2026-11-01 00:00+00', '2026-12-01 00:00+00') as new_shape \gset
select (:'new_shape'::jsonb #- '{items,data,0,current_period_start}' #- '{items,data,0,current_period_end}')
  || '{"current_period_start": 1793491200, "current_period_end": 1796083200}' as old_shape \gset
select is(engine.read_subscription(:'old_shape')::text, engine.read_subscription(:'new_shape')::text, 'the period of a subscription lies on its item, or on itself');
select is(
  (select (s.stripe_subscription_id, s.status, s.rank, s.stripe_price_id, s.period_start, s.period_end, s.ends_at, s.ended_at)::text from engine.read_subscription(:'new_shape') as s),
  ('sub_1'::text, 'active'::text, 3, 'price_individual'::text, '2026-11-01 00:00+00'::timestamptz, '2026-12-01 00:00+00'::timestamptz, null::timestamptz, null::timestamptz)::text,
  'what is read of a subscription');
select is((engine.read_subscription(:'new_shape'::jsonb || '{"cancel_at_period_end": true}')).ends_at, '2026-12-01 00:00+00', 'it ends with its period when it is cancelled so');
select is((engine.read_subscription(:'new_shape'::jsonb || '{"cancel_at": 1795176000}')).ends_at, '2026-11-20 12:00+00', 'or at an instant of its own');
select is(
  array(select (engine.read_subscription(:'new_shape'::jsonb || jsonb_build_object('status', status))).rank
    from unnest(array['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'incomplete_expired', 'invented']) with ordinality as listed (status, n) order by n),
  array[1, 2, 3, 4, 5, 5, 6, 6, null], 'states of one second have an order; one that nobody knows has none');

-- Invoices.
select tests.invoice('in_1', 'sub_1', '0194c0de-0000-7000-8000-00000000abcd', '2026-11-01 00:00+00', '2026-12-01 00:00+00') as new_invoice \gset
select (:'new_invoice'::jsonb - 'parent') || '{"subscription": "sub_1"}' || jsonb_build_object('lines', jsonb_build_object('data', jsonb_build_array(
  (:'new_invoice'::jsonb #> '{lines,data,0}') - 'parent' - 'pricing' || '{"type": "subscription", "proration": false, "price": {"id": "price_individual"}}'))) as old_invoice \gset
select is(engine.read_invoice(:'old_invoice')::text, engine.read_invoice(:'new_invoice')::text, 'both shapes of an invoice read the same');
select is(
  (select (i.invoice_id, i.stripe_subscription_id, i.billing_reason, i.paid_cents, i.currency, i.stripe_price_id, i.period_start, i.period_end, i.paid_at, i.payment_intent_id)::text from engine.read_invoice(:'new_invoice') as i),
  ('in_1'::text, 'sub_1'::text, 'subscription_cycle'::text, 600::bigint, 'usd'::text, 'price_individual'::text, '2026-11-01 00:00+00'::timestamptz, '2026-12-01 00:00+00'::timestamptz, '2026-11-01 00:00+00'::timestamptz, null::text)::text,
  'what is read of an invoice');
select is((engine.read_invoice(:'old_invoice'::jsonb || '{"payment_intent": "pi_1"}')).payment_intent_id, 'pi_1', 'the old shape says what paid it');
select is(
  (engine.read_invoice(:'new_invoice'::jsonb || '{"payments": {"data": [
    {"status": "open", "payment": {"payment_intent": "pi_open"}}, {"status": "paid", "payment": {"payment_intent": {"id": "pi_paid"}}}]}}')).payment_intent_id,
  'pi_paid', 'the new one does where its payments are expanded: the one that succeeded');
select is((engine.read_invoice(jsonb_set(:'new_invoice', '{lines,data}', (:'new_invoice'::jsonb #> '{lines,data}') || '[
    {"period": {"start": 1, "end": 1999999999}, "parent": {"type": "invoice_item_details"}},
    {"period": {"start": 2, "end": 1999999999}, "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true}}}]'))).period_end,
  '2026-12-01 00:00+00', 'prorations and extras say nothing about the period');
select is((engine.read_invoice('{"id": "in_1", "lines": "nonsense"}')).period_start, null, 'an invoice without lines has no period');
select * from finish();
rollback;
