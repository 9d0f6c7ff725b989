begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(41);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset

-- Reading
select is(engine.read_event(convert_to('{"id": "evt_1"}', 'UTF8')), '{"id": "evt_1"}', 'an object is read');
select is(engine.read_event(payload), null, format('%s is no event', left(payload::text, 30)))
from (
  select convert_to(text, 'UTF8')
  from (values (''), ('x'), ('[]'), ('1'), ('null'), ('{"a": "\u0000"}'), ('{"a": "\ud800"}'), ('{"a": 1e999999}'), ('{"a": NaN}'), (repeat('[', 100000))) as listed (text)
  union all values ('\xff'::bytea), ('\x00'), ('\x7b00227d')
) as listed (payload);

-- What becomes of it
select is(concat_ws(': ', o.state, o.reason), 'ignored: not_listened_to', 'a type that nobody listens to is ignored')
from engine.handle_event('evt_1', tests.event('customer.created', '{"id": "cus_1"}')) as o;
select is(concat_ws(': ', o.state, o.reason), 'parked: malformed', format('%s is malformed', changes))
from (values ('{"type": null}'::jsonb), ('{"created": "1"}'), ('{"created": -1}'), ('{"data": {"object": []}}'), ('{"data": {"object": {}}}'), ('{"data": 1}')) as listed (changes)
cross join lateral engine.handle_event('evt_1', tests.event('payment_intent.succeeded', '{"id": "pi_1"}') || changes) as o;
select is(concat_ws(': ', o.state, o.reason, o.waits_for), 'parked: unknown_customer: cus_x', 'what is about somebody unknown says whom it waits for')
from engine.handle_event('evt_1', tests.event('payment_intent.succeeded', '{"id": "pi_1", "customer": "cus_x"}')) as o;

-- What contradicts the books is parked, and undone as a whole.
create function tests.handle_with(p_code text)
returns text
language plpgsql
as $$
declare
  v_state text;
begin
  execute format('create or replace trigger contradicts before insert on playground.stripe_ids for each row execute function tests.contradict(%L)', p_code);
  select concat_ws(': ', o.state, o.reason) into v_state
  from engine.handle_event('evt_1', tests.event('payment_intent.payment_failed', tests.payment_intent('pi_c', (select user_id from playground.users limit 1), tests.purchase()))) as o;
  return v_state;
end $$;
create function tests.contradict()
returns trigger
language plpgsql
as $$ begin raise exception using errcode = tg_argv[0], message = 'no'; end $$;
create function tests.purchase()
returns uuid
language sql
as $$ select purchase_id from playground.purchases limit 1 $$;
select tests.start_purchase(:'payer') \g /dev/null
select is(tests.handle_with(code), 'parked: failed: ' || code || ' no', code || ' is parked with what went wrong')
from (values ('23505'), ('22003'), ('P0001'), ('SCB09'), ('SCA02'), ('SCL01')) as listed (code);
select is(status::text, 'started', 'and what it had done before is undone') from playground.purchases;
select throws_ok(format('select tests.handle_with(%L)', code), code, null, code || ' passes by itself: raised, so that Stripe asks again')
from (values ('40001'), ('40P01'), ('55P03'), ('53200')) as listed (code);
drop trigger contradicts on playground.stripe_ids;

-- Early or wrong
select is(string_agg(reason, ' ' order by reason), 'unknown_invoice unknown_payment unknown_subscription', 'these wait for another event of the same story')
from (values ('unknown_payment'), ('unknown_invoice'), ('unknown_subscription'), ('unknown_customer'), ('wrong_amount'), ('unreadable')) as listed (reason)
where engine.is_early(reason);
select engine.alert_parked('evt_' || n, 'x', 'failed: 23505 number ' || n, engine.now()) from generate_series(1, 3) as n \g /dev/null
select is(count(*), 1::bigint, 'operators are told of a reason once a day') from playground.alerts where kind = 'stripe_event_parked: failed';

-- Again
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'payer', 400), p_event_id => 'evt_refund')) as refund \gset
select is(:'refund'::text, 'parked: unknown_payment', 'a refund that came before its payment waits');
select tests.start_purchase(:'payer', 'medium', 'pi_1') \g /dev/null
select is(attempts, 2, 'and is tried when the payment becomes known') from playground.stripe_events where event_id = 'evt_refund' and state = 'handled';
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', null))) \g /dev/null
select is(engine.retry_event(received_at, event_id), 'handled', 'applied again it stays handled') from playground.stripe_events where event_id = 'evt_refund';
select is(tests.balance(:'payer') ->> 'balance', '155', 'and takes nothing more');

-- What reconciliation looks at
select engine.fingerprint_of_money(tests.charge('pi_1', :'payer', 400)) as before \gset
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'payer', 600), engine.now() + interval '1 second')) \g /dev/null
select isnt(engine.fingerprint_of_money(tests.charge('pi_1', :'payer', 400)), :'before'::text, 'news about money changes the fingerprint of its payer');
select is(engine.fingerprint_of_money(tests.charge('pi_other', :'payer', 0)), engine.fingerprint_of_money(tests.charge('pi_1', :'payer', 0)), 'which any object of the payer leads to');
select * from finish();
rollback;
