create or replace view admin.stripe_events as
select
  received_at,
  event_id,
  type,
  created_at,
  state,
  reason,
  waits_for,
  account_id,
  attempts,
  next_try_at,
  handled_at
from playground.stripe_events;
comment on view admin.stripe_events is
  'The inbox of Stripe without its bodies. Parked ones: where state = ''parked''; why: reason; again: admin.replay_stripe_event(event_id, reason).';
