-- depends: 0007_gifts_and_codes
-- Limits of a person, of a provider and of everything; where alerts go; and what the analysts' figures are made from.
--
-- What is altered is small, or hot for a moment only: settings and tiers are a few rows; windows are purged when they are old.
-- squawk-ignore-file adding-field-with-default, constraint-missing-not-valid, adding-foreign-key-constraint, require-concurrent-index-creation, adding-not-nullable-field, disallowed-unique-constraint, prefer-robust-stmts

alter table playground.platform_settings
  add column margin_alert_percent integer not null default 70,
  add column throttled_alert_percent integer not null default 5,
  add column ceiling_alert_percent integer not null default 80,
  add column bill_alert_percent integer not null default 5,
  add column notice_threshold_percent integer not null default 75,
  add column job_late_after interval not null default interval '15 minutes',
  add column alert_email text,
  add column usage_retention interval not null default interval '26 months',
  add column message_retention interval not null default interval '13 months',
  add column alert_retention interval not null default interval '26 months',
  add column event_retention interval not null default interval '26 months',
  add column audit_retention interval not null default interval '84 months',
  add constraint platform_settings_alerts_are_percents check (
    margin_alert_percent between 0 and 100 and throttled_alert_percent between 0 and 100 and ceiling_alert_percent between 1 and 100
    and bill_alert_percent between 0 and 100 and notice_threshold_percent between 1 and 100 and job_late_after > interval '0'),
  add constraint platform_settings_months_are_kept check (
    usage_retention >= interval '2 months' and message_retention >= interval '2 months' and alert_retention >= interval '2 months'
    and event_retention >= interval '2 months' and audit_retention >= interval '12 months');
comment on column playground.platform_settings.margin_alert_percent is 'Operators hear of it when the month earns less than this of what it takes in, in percent.';
comment on column playground.platform_settings.throttled_alert_percent is 'Operators hear of it when more than this share of the month''s active people are throttled, in percent.';
comment on column playground.platform_settings.ceiling_alert_percent is 'Operators hear of it when a provider''s spend of the day reaches this share of its ceiling, in percent, and again at the ceiling.';
comment on column playground.platform_settings.bill_alert_percent is 'Operators hear of it when a provider''s bill differs from our figure by more than this, in percent.';
comment on column playground.platform_settings.notice_threshold_percent is 'From this share of their monthly cost limit on, people are told by mail when they cross a threshold, in percent.';
comment on column playground.platform_settings.job_late_after is 'How long after it was due a job is late.';
comment on column playground.platform_settings.alert_email is 'Where alerts of the platform are mailed to; null: nowhere.';
comment on column playground.platform_settings.usage_retention is 'How long months of usage are kept; the ledger and the analysts'' figures are kept for good.';
comment on column playground.platform_settings.message_retention is 'How long months of messages and answers are kept.';
comment on column playground.platform_settings.alert_retention is 'How long months of alerts are kept.';
comment on column playground.platform_settings.event_retention is 'How long months of Stripe''s inbox are kept.';
comment on column playground.platform_settings.audit_retention is 'How long months of the audit log are kept.';

-- Twice a random uuid: 244 bits nobody has to keep.
alter table playground.platform_state
  add column pseudonym_key text not null default gen_random_uuid()::text || gen_random_uuid()::text;
comment on column playground.platform_state.pseudonym_key is 'Makes the pseudonyms under which analysts see people: stable here, different in every installation.';

-- Limits of a person ------------------------------------------------------------------------------------------
alter table playground.tiers
  add column concurrent_runs integer not null default 20,
  add constraint tiers_concurrent_runs_is_not_negative check (concurrent_runs >= 0);
comment on column playground.tiers.concurrent_runs is 'Runs of a person that may be under way at once.';

alter table playground.users
  add column cost_cap_usd playground.usd,
  add column has_own_limits boolean not null default false;
comment on column playground.users.cost_cap_usd is 'The person''s own cap on the API cost of a calendar month (UTC), in US dollars, bought cost budget included; null: none.';
comment on column playground.users.has_own_limits is 'There are rows of user_limits to be looked up.';

create table playground.user_limits (
  user_id uuid not null,
  is_temporary boolean not null,
  monthly_cost_limit_usd playground.usd,
  daily_cost_limit_usd playground.usd,
  runs_per_hour integer,
  concurrent_runs integer,
  reason text not null,
  set_by text not null,
  set_at timestamptz not null,
  ends_at timestamptz,
  constraint user_limits_pkey primary key (user_id, is_temporary),
  constraint user_limits_temporary_ones_end check (is_temporary = (ends_at is not null)),
  constraint user_limits_change_something check (num_nonnulls(monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, concurrent_runs) > 0),
  constraint user_limits_runs_are_not_negative check (runs_per_hour >= 0 and concurrent_runs >= 0)
);
comment on table playground.user_limits is 'Limits of one person in place of the tier''s; null: the tier''s. One that stands, and one that ends, which goes first while it lasts.';
comment on column playground.user_limits.monthly_cost_limit_usd is 'API cost of a calendar month (UTC) in US dollars.';
comment on column playground.user_limits.daily_cost_limit_usd is 'API cost of a day (UTC) in US dollars.';

alter table playground.cost_windows
  add column budget_usd playground.usd not null default 0,
  add column budget_open_usd playground.usd not null default 0,
  add column is_exempt boolean not null default false;
comment on column playground.cost_windows.budget_usd is 'API cost of the ended runs of this window that the bought budget paid, in US dollars; not part of cost_usd.';
comment on column playground.cost_windows.budget_open_usd is 'What open runs of this window hold of the bought budget, in US dollars.';
comment on column playground.cost_windows.is_exempt is 'An operator lets this window refuse nothing until it ends.';
create index cost_windows_by_time on playground.cost_windows (starts_at, kind);
update playground.cost_windows w
set budget_usd = run.budget_usd, budget_open_usd = run.budget_open_usd
from (
  select h.user_id, kind, date_trunc(kind, h.reserved_at, 'UTC') as starts_at, coalesce(sum(u.budget_usd), 0) as budget_usd,
    sum(case when h.status = 'open' then h.budget_held_usd else 0 end) as budget_open_usd
  from playground.holds h
  left join playground.usage u on u.account_id = h.account_id and u.reserved_at = h.reserved_at and u.hold_id = h.hold_id
  cross join unnest(array['hour', 'day', 'month']) as kind
  where h.budget_held_usd > 0
  group by 1, 2, 3
) as run
where w.user_id = run.user_id and w.kind = run.kind and w.starts_at = run.starts_at;

-- Limits of a provider ----------------------------------------------------------------------------------------
create table playground.providers (
  provider text not null,
  is_enabled boolean not null default true,
  daily_ceiling_usd playground.usd not null default 100,
  stops_at_ceiling boolean not null default false,
  constraint providers_pkey primary key (provider)
);
comment on table playground.providers is 'Who answers: the switch that stops all runs with a provider, and the most it may cost in a day.';
comment on column playground.providers.daily_ceiling_usd is 'API cost of a day (UTC) at this provider, in US dollars, at which operators are alerted and, with stops_at_ceiling, new runs stop until the next day.';
insert into playground.providers (provider) select distinct provider from playground.models order by provider;
alter table playground.models add constraint models_belong_to_a_provider foreign key (provider) references playground.providers;

create table playground.provider_spend (
  provider text not null,
  starts_at timestamptz not null,
  shard integer not null,
  cost_usd numeric(20, 12) not null,
  constraint provider_spend_pkey primary key (provider, starts_at, shard)
) with (fillfactor = 70);
comment on table playground.provider_spend is 'API cost by provider and UTC day, in parts: each session of the server adds to one of them, so that runs do not wait for each other.';
comment on column playground.provider_spend.cost_usd is 'US dollars; a part may be negative after a correction, the sum never is.';
insert into playground.provider_spend
select m.provider, date_trunc('day', u.reserved_at, 'UTC'), 0, sum(u.cost_usd)
from playground.usage u
join playground.models m using (model)
where u.reserved_at >= date_trunc('day', now(), 'UTC')
group by 1, 2;

create table playground.provider_bills (
  provider text not null,
  starts_at timestamptz not null,
  billed_usd playground.usd not null,
  recorded_usd playground.usd not null,
  recorded_by text not null,
  recorded_at timestamptz not null,
  constraint provider_bills_pkey primary key (provider, starts_at),
  constraint provider_bills_belong_to_a_provider foreign key (provider) references playground.providers
);
comment on table playground.provider_bills is 'What a provider says a UTC day cost, beside our figure of that moment.';
comment on column playground.provider_bills.billed_usd is 'The provider''s figure, in US dollars.';
comment on column playground.provider_bills.recorded_usd is 'Ours when the bill was entered, in US dollars.';

-- Where alerts go ---------------------------------------------------------------------------------------------
alter table playground.alerts add column alert_id uuid not null default gen_random_uuid();
create index alerts_by_id on playground.alerts (alert_id);
create index alerts_by_time on playground.alerts (created_at, alert_id);

create table playground.alert_deliveries (
  alert_id uuid not null,
  user_id uuid not null,
  window_starts_at timestamptz not null,
  kind text not null,
  details jsonb not null,
  created_at timestamptz not null,
  state playground.notice_state not null,
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  ended_at timestamptz,
  last_error text,
  constraint alert_deliveries_pkey primary key (user_id, alert_id)
);
create index alert_deliveries_due on playground.alert_deliveries (next_try_at) where state = 'due';
create index alert_deliveries_failed on playground.alert_deliveries (ended_at) where state = 'failed';
-- What was given up is looked at by each scrape, and is few among all that was sent.
create index notices_failed on playground.notices (ended_at) where state = 'failed';
create index billing_tasks_failed on playground.billing_tasks (ended_at) where state = 'failed';
comment on table playground.alert_deliveries is 'Outbox of alerts to the operators'' webhook: written with the alert. alert_id is the message''s id, the same in each try.';

-- Who did it --------------------------------------------------------------------------------------------------
alter table playground.audit_log
  add column acting_user_id uuid,
  add column request_id text;
comment on column playground.audit_log.actor is 'The role that was logged in to the database.';
comment on column playground.audit_log.acting_user_id is 'The admin on whose word a gateway acted; null for who came by SQL.';
comment on column playground.audit_log.request_id is 'X-Request-Id of the request that asked for it.';

create table playground.token_secrets (
  secret_id uuid not null,
  secret text not null,
  set_at timestamptz not null,
  expires_at timestamptz,
  constraint token_secrets_pkey primary key (secret_id),
  constraint token_secrets_secret_is_long check (octet_length(secret) >= 32)
);
create unique index token_secrets_one_current on playground.token_secrets ((true)) where expires_at is null;
comment on table playground.token_secrets is 'What the gateway signs access tokens with (JWT_SECRET), so that doors which create credits can see for themselves who asks. Read by engine functions only.';

-- What the analysts' figures are made from ---------------------------------------------------------------------
create schema rollup;
comment on schema rollup is 'Sums that grow with the calendar and with people, not with runs; under the views of analytics. Nobody but scrip_owner has even USAGE.';

create table rollup.usage_changes (
  account_id uuid not null,
  user_id uuid not null,
  reserved_at timestamptz not null,
  model text not null,
  tier text not null,
  package_id uuid not null,
  outcome text not null,
  is_comparison boolean not null,
  is_simulated boolean not null,
  is_new_session boolean not null,
  runs integer not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  tokens_beyond_hold bigint not null,
  credits bigint not null,
  cost_usd numeric(20, 12) not null,
  budget_usd numeric(20, 12) not null,
  duration_ms bigint not null
);
comment on table rollup.usage_changes is 'Model calls that the sums do not hold yet: written by the transaction that records the call, taken away by the one that adds it up, so none is missed or added twice, however late it commits. A correction is the old row with everything negative, and the new one.';
comment on column rollup.usage_changes.runs is '1, or -1 when what was written before is taken back.';
comment on column rollup.usage_changes.credits is 'Credits charged.';
comment on column rollup.usage_changes.cost_usd is 'US dollars, bought budget included.';
comment on column rollup.usage_changes.budget_usd is 'The part of cost_usd that the bought budget paid, in US dollars.';
insert into rollup.usage_changes
select u.account_id, u.user_id, u.reserved_at, u.model, u.tier, u.package_id, u.outcome, u.is_comparison, u.is_simulated, coalesce(h.is_new_session, false), 1,
  u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.tokens_beyond_hold, u.credits, u.cost_usd, u.budget_usd, coalesce(u.duration_ms, 0)
from playground.usage u
left join playground.holds h using (account_id, hold_id);

create table rollup.ledger_changes (
  account_id uuid not null,
  number bigint not null
);
comment on table rollup.ledger_changes is 'Lines of the credit history that the sums do not hold yet, as usage_changes. The lines themselves never change.';
insert into rollup.ledger_changes select account_id, number from playground.transactions;
