-- One delivery of Stripe: what the gateway sends for it. Each is taken once, or one of a few over and over.
select api.record_stripe_event(payload, signature)
from bench.deliveries
where delivery_id = (select case when :again > 0 then 1 + floor(random() * :again)::bigint else nextval('bench.next_delivery') end);
