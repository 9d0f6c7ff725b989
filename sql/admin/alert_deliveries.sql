create or replace view admin.alert_deliveries as
select
  alert_id,
  nullif(user_id, '00000000-0000-0000-0000-000000000000') as user_id,
  window_starts_at,
  kind,
  details,
  created_at,
  state,
  attempts,
  next_try_at,
  ended_at,
  last_error
from playground.alert_deliveries;
comment on view admin.alert_deliveries is
  'What the operators'' webhook was to hear of: due, sent or failed, and why not yet: last_error. user_id: the person or account concerned; null: the platform.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.alert_deliveries
for each row execute function engine.refuse_view_change(
  'The gateways send what is due, and try again by themselves.'
);
