-- depends: 0004_ledger
-- What happened. Partitioned by month on a time that the key contains, with a default partition so that nothing is
-- ever lost when no partition was made ahead (jobs.create_partitions makes them).

create domain playground.usage_outcome as text
  constraint usage_outcome_is_known check (value in (
    'completed', 'client_gone', 'provider_refused', 'provider_timed_out', 'provider_empty', 'provider_broke', 'abandoned', 'late'));
create domain playground.usage_source as text
  constraint usage_source_is_known check (value in ('reported', 'estimated'));
create domain playground.window_kind as text
  constraint window_kind_is_known check (value in ('hour', 'day', 'month'));
create domain playground.message_role as text
  constraint message_role_is_known check (value in ('user', 'assistant'));

create table playground.usage (
  account_id uuid not null,
  reserved_at timestamptz not null,
  hold_id uuid not null,
  user_id uuid not null,
  session_id uuid not null,
  package_id uuid not null,
  package_version text not null,
  model text not null,
  answered_model text,
  is_answered_model_unknown boolean not null default false,
  tier text not null,
  outcome playground.usage_outcome not null,
  usage_source playground.usage_source not null,
  is_comparison boolean not null,
  is_simulated boolean not null,
  input_tokens playground.tokens not null,
  output_tokens playground.tokens not null,
  cache_read_tokens playground.tokens not null,
  cache_write_tokens playground.tokens not null,
  input_tokens_estimated integer not null,
  tokens_beyond_hold playground.tokens not null default 0,
  credits playground.credits not null,
  cost_usd playground.usd not null,
  budget_usd playground.usd not null,
  stop_reason text,
  duration_ms integer,
  recorded_at timestamptz not null,
  constraint usage_pkey primary key (account_id, reserved_at, hold_id),
  constraint usage_budget_is_part_of_the_cost check (budget_usd <= cost_usd)
) partition by range (reserved_at);
comment on table playground.usage is 'One model call each: tokens by class, API cost in US dollars, credits charged. input_tokens excludes cached ones. Belongs to the windows of reserved_at. Corrected only from abandoned to late.';
comment on column playground.usage.credits is 'Credits charged for the call.';
comment on column playground.usage.cost_usd is 'What the provider bills for the call, in US dollars, bought budget included.';
comment on column playground.usage.tokens_beyond_hold is 'Tokens the hold did not cover: the house''s loss.';
comment on column playground.usage.budget_usd is 'The part of cost_usd drawn from the bought cost budget, not from the tier''s windows.';
create table playground.usage_default partition of playground.usage default;

create table playground.cost_windows (
  user_id uuid not null,
  kind playground.window_kind not null,
  starts_at timestamptz not null,
  cost_usd playground.usd not null default 0,
  open_usd playground.usd not null default 0,
  runs integer not null default 0,
  constraint cost_windows_pkey primary key (user_id, starts_at, kind),
  constraint cost_windows_runs_is_not_negative check (runs >= 0)
) with (fillfactor = 70);
comment on table playground.cost_windows is 'API cost of a person by UTC hour, day and calendar month: final cost, cost held by open runs, runs counted. Computed from the clock; nothing is ever reset.';
comment on column playground.cost_windows.cost_usd is 'API cost of the ended runs of this window, in US dollars, without what the bought budget paid.';
comment on column playground.cost_windows.open_usd is 'API cost reserved by open runs of this window, in US dollars.';

create table playground.sessions (
  user_id uuid not null,
  session_id uuid not null,
  package_id uuid not null,
  package_version text not null,
  model text not null,
  messages integer not null default 0,
  runs integer not null default 0,
  credits_spent playground.credits not null default 0,
  history_octets bigint not null default 0,
  created_at timestamptz not null,
  last_run_at timestamptz not null,
  constraint sessions_pkey primary key (user_id, session_id)
) with (fillfactor = 70);
comment on table playground.sessions is 'Conversations of a person. history_octets: octets of the exchanges that a next run sends to the model.';
comment on column playground.sessions.credits_spent is 'Credits charged for all runs of the conversation.';

create table playground.messages (
  user_id uuid not null,
  session_id uuid not null,
  number integer not null,
  created_at timestamptz not null,
  hold_id uuid not null,
  role playground.message_role not null,
  content text not null,
  is_complete boolean not null,
  is_in_history boolean not null,
  constraint messages_pkey primary key (user_id, session_id, number, created_at)
) partition by range (created_at);
comment on table playground.messages is 'What was said, one row a message, numbered per session. is_in_history: sent to the model with the next run (an exchange with an empty answer is not).';
create table playground.messages_default partition of playground.messages default;

create table playground.answers (
  user_id uuid not null,
  operation text not null,
  idempotency_key text not null,
  created_at timestamptz not null,
  hold_id uuid,
  fingerprint bytea not null,
  state text not null,
  status integer,
  body text,
  finished_at timestamptz,
  constraint answers_pkey primary key (user_id, operation, idempotency_key, created_at),
  constraint answers_key_is_short_printable_ascii check (idempotency_key ~ '^[ -~]{1,255}$'),
  constraint answers_state_is_known check (state in ('running', 'answered', 'free')),
  constraint answers_answered_ones_have_a_body check ((state = 'answered') = (body is not null and status is not null and finished_at is not null))
) partition by range (created_at);
comment on table playground.answers is 'Idempotency: the answer given to (user, operation, key), kept for answer_retention after it. Unique under the account''s lock, by look-up. free: nothing was charged, the key may be used again.';
create table playground.answers_default partition of playground.answers default;

create table playground.alerts (
  user_id uuid not null,
  window_starts_at timestamptz not null,
  kind text not null,
  details jsonb not null,
  created_at timestamptz not null,
  acknowledged_at timestamptz,
  acknowledged_by text,
  constraint alerts_pkey primary key (user_id, window_starts_at, kind)
) partition by range (window_starts_at);
comment on table playground.alerts is 'One row per person, window and kind. The platform itself is the nil uuid.';
create table playground.alerts_default partition of playground.alerts default;

create sequence playground.audit_ids as bigint;
create table playground.audit_log (
  audit_id bigint not null default nextval('playground.audit_ids'),
  created_at timestamptz not null,
  actor text not null,
  action text not null,
  user_id uuid,
  subject text,
  before jsonb,
  after jsonb,
  reason text not null,
  constraint audit_log_pkey primary key (created_at, audit_id),
  constraint audit_log_reason_is_given check (length(btrim(reason)) > 0)
) partition by range (created_at);
comment on table playground.audit_log is 'Who changed what, when and why; append-only. user_id: the person concerned.';
create table playground.audit_log_default partition of playground.audit_log default;
create index audit_log_by_user on playground.audit_log (user_id, created_at);
