create or replace view admin.alerts as
select
  alert.alert_id,
  alert.created_at,
  nullif(alert.user_id, '00000000-0000-0000-0000-000000000000') as user_id,
  alert.kind,
  alert.window_starts_at,
  alert.details,
  alert.acknowledged_at,
  coalesce(acting.email, alert.acknowledged_by) as acknowledged_by,
  person.email
from playground.alerts as alert
left join playground.users as person on person.user_id = alert.user_id
left join playground.users as acting
  on acting.user_id = case when alert.acknowledged_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then alert.acknowledged_by::uuid end;
comment on view admin.alerts is
  'When you want to know what the platform noticed: one line per person, kind and window. What nobody has looked at yet: where acknowledged_at is null order by created_at; done with one: admin.acknowledge_alert(alert_id, reason). Kept for alert_retention.';
comment on column admin.alerts.user_id is 'The person concerned; null: the platform.';
comment on column admin.alerts.email is 'The address of that person; null also for who was deleted.';
comment on column admin.alerts.window_starts_at is 'Beginning of the UTC hour, day or month that it is about; one alert of a kind in each.';
comment on column admin.alerts.details is 'The figures behind it: names in Usd are US dollars.';
comment on column admin.alerts.acknowledged_by is 'Who has seen to it: the role that was logged in, or the address of the admin who asked over HTTP.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.alerts
for each row execute function engine.refuse_view_change(
  'Alerts are written by what they tell of. To say that one was seen to: admin.acknowledge_alert(alert_id, reason).'
);
