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
  'The inbox of Stripe without its bodies. Parked ones: where state = ''parked''; why: reason; again: admin.replay_stripe_event(event_id, reason); never again: admin.dismiss_stripe_event(event_id, reason), which shows as ignored, dismissed: reason; another amount than our price: admin.accept_stripe_event(event_id, reason).';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.stripe_events
for each row execute function engine.refuse_view_change(
  'What Stripe said stays as it was said. To apply an event again: admin.replay_stripe_event(event_id, reason).'
);
