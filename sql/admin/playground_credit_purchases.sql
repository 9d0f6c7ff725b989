create or replace view admin.playground_credit_purchases as
select
  user_id,
  credits::bigint as credits,
  price_cents::bigint as amount_cents,
  payment_intent_id as stripe_payment_intent_id,
  status::text as stripe_status
from playground.purchases;
comment on view admin.playground_credit_purchases is
  'Packs that people set out to buy. What came of a payment at Stripe: admin.reconcile_stripe_object; why an event waits: stripe_events.';
comment on column admin.playground_credit_purchases.user_id is 'Who bought.';
comment on column admin.playground_credit_purchases.credits is 'Credits of the pack.';
comment on column admin.playground_credit_purchases.amount_cents is 'Its price in cents.';
comment on column admin.playground_credit_purchases.stripe_payment_intent_id is 'The payment at Stripe; null when Stripe was not heard yet.';
comment on column admin.playground_credit_purchases.stripe_status is 'started (Stripe was not heard yet), pending, failed or succeeded.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.playground_credit_purchases
for each row execute function engine.refuse_view_change(
  'A purchase follows its payment at Stripe: admin.reconcile_stripe_object. To give credits: admin.grant_credits(user, credits, reason).'
);
