create or replace view admin.alerts as
select
  alert_id,
  created_at,
  nullif(user_id, '00000000-0000-0000-0000-000000000000') as user_id,
  kind,
  window_starts_at,
  details,
  acknowledged_at,
  acknowledged_by
from playground.alerts;
comment on view admin.alerts is
  'When you want to know what the platform noticed: one line per person, kind and window. What nobody has looked at yet: where acknowledged_at is null order by created_at; done with one: admin.acknowledge_alert(alert_id, reason). Kept for alert_retention.';
comment on column admin.alerts.user_id is 'The person concerned; null: the platform.';
comment on column admin.alerts.window_starts_at is 'Beginning of the UTC hour, day or month that it is about; one alert of a kind in each.';
comment on column admin.alerts.details is 'The figures behind it: names in Usd are US dollars.';
