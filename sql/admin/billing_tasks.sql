create or replace view admin.billing_tasks as
select
  task_id,
  account_id,
  kind,
  stripe_id,
  state,
  attempts,
  created_at,
  next_try_at,
  ended_at,
  last_error
from playground.billing_tasks;
comment on view admin.billing_tasks is
  'When something should have been cancelled or refunded at Stripe: what the gateway is to do there, is done with, or failed at, and why: last_error. task_id is the idempotency key at Stripe.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.billing_tasks
for each row execute function engine.refuse_view_change(
  'The gateways do what is due, and try again by themselves.'
);
