drop schema rollup cascade;
drop table playground.token_secrets;
alter table playground.audit_log drop column acting_user_id, drop column request_id;
comment on column playground.audit_log.actor is null;
drop index playground.billing_tasks_failed;
drop index playground.notices_failed;
drop table playground.alert_deliveries;
drop index playground.alerts_by_time;
drop index playground.alerts_by_id;
alter table playground.alerts drop column alert_id;
drop table playground.provider_bills;
drop table playground.provider_spend;
alter table playground.models drop constraint models_belong_to_a_provider;
drop table playground.providers;
drop index playground.cost_windows_by_time;
alter table playground.cost_windows drop column budget_usd, drop column budget_open_usd, drop column is_exempt;
drop table playground.user_limits;
alter table playground.users drop column cost_cap_usd, drop column has_own_limits;
alter table playground.tiers drop column concurrent_runs;
alter table playground.platform_state drop column pseudonym_key;
alter table playground.platform_settings
  drop column margin_alert_percent,
  drop column throttled_alert_percent,
  drop column ceiling_alert_percent,
  drop column bill_alert_percent,
  drop column notice_threshold_percent,
  drop column job_late_after,
  drop column alert_email,
  drop column usage_retention,
  drop column message_retention,
  drop column alert_retention,
  drop column event_retention,
  drop column audit_retention;
