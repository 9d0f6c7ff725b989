create or replace view admin.user_cost_alerts as
select
  alert.alert_id as id,
  alert.user_id,
  case
    when alert.kind ~ '^cost_(day|month)_[0-9]+$' then 'warning_' || split_part(alert.kind, '_', 3)
    when alert.kind ~ '^limit_(exceeded|shadow)_' then 'limit_exceeded'
    else alert.kind
  end as alert_type,
  case
    when alert.kind ~ '^cost_(day|month)_[0-9]+$' then trim_scale((alert.details ->> 'limitUsd')::numeric * (alert.details ->> 'percent')::numeric / 100)
    when alert.kind ~ '^limit_(exceeded|shadow)_' then (alert.details ->> 'limit')::numeric
  end as threshold_amount,
  case
    when alert.kind ~ '^cost_(day|month)_[0-9]+$' then (alert.details ->> 'costUsd')::numeric
    when alert.kind ~ '^limit_(exceeded|shadow)_' then (alert.details ->> 'used')::numeric
  end as current_amount,
  case
    when alert.kind ~ '^cost_(day|month)_[0-9]+$' then 'cost_' || split_part(alert.kind, '_', 2)
    when alert.kind ~ '^limit_(exceeded|shadow)_' then regexp_replace(alert.kind, '^limit_(exceeded|shadow)_', '')
  end as limit_source,
  case when delivery.state = 'sent' then delivery.ended_at end as sent_at,
  alert.acknowledged_at,
  coalesce(acting.email, alert.acknowledged_by) as acknowledged_by,
  alert.details as metadata,
  alert.created_at
from playground.alerts as alert
left join playground.alert_deliveries as delivery using (user_id, alert_id)
left join playground.users as acting
  on acting.user_id = case when alert.acknowledged_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then alert.acknowledged_by::uuid end
where alert.user_id <> '00000000-0000-0000-0000-000000000000';
comment on view admin.user_cost_alerts is
  'Who came near a limit, reached it or was throttled: one row for each person, kind and hour, day or month. Acknowledge: admin.acknowledge_alert(id, reason).';
comment on column admin.user_cost_alerts.id is 'The alert.';
comment on column admin.user_cost_alerts.user_id is 'Whom it is about.';
comment on column admin.user_cost_alerts.alert_type is 'warning_50, warning_75 …: so many percent of a cost limit are used; limit_exceeded: a run was refused for a limit, or would have been; throttled: one was refused for an operator''s throttle. Any other word: what was odd about a run, such as input_underestimated.';
comment on column admin.user_cost_alerts.threshold_amount is 'What was reached: US dollars, or runs for a limit of runs.';
comment on column admin.user_cost_alerts.current_amount is 'What was used at that moment, in the same unit.';
comment on column admin.user_cost_alerts.limit_source is 'Which limit: cost_month, cost_day, runs_hour, runs_concurrent or own_cap.';
comment on column admin.user_cost_alerts.sent_at is 'When the operators'' webhook took it.';
comment on column admin.user_cost_alerts.acknowledged_at is 'When an operator said that they know.';
comment on column admin.user_cost_alerts.acknowledged_by is 'Which operator: the role that was logged in, or the address of the admin who asked over HTTP.';
comment on column admin.user_cost_alerts.metadata is 'The alert''s details, as the webhook gets them.';
comment on column admin.user_cost_alerts.created_at is 'When it happened.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.user_cost_alerts
for each row execute function engine.refuse_view_change(
  'To acknowledge one: admin.acknowledge_alert(id, reason).'
);
