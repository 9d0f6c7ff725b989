-- depends: 0009_request_limits
-- The sums under the analysts' views: as many rows as there are days, models and people, however many runs there were.
-- squawk-ignore-file require-concurrent-index-creation, prefer-robust-stmts

create table rollup.usage_days (
  day timestamptz not null,
  model text not null,
  tier text not null,
  outcome text not null,
  runs bigint not null,
  comparisons bigint not null,
  simulated_runs bigint not null,
  new_sessions bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  tokens_beyond_hold bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  budget_usd numeric(30, 12) not null,
  duration_ms bigint not null,
  constraint usage_days_pkey primary key (day, model, tier, outcome)
) with (fillfactor = 70);
comment on table rollup.usage_days is 'Model calls by UTC day of their reservation, model, tier and outcome.';
comment on column rollup.usage_days.new_sessions is 'Conversations that an exchange of these calls began.';
comment on column rollup.usage_days.credits is 'Credits charged.';
comment on column rollup.usage_days.cost_usd is 'US dollars, bought budget included.';
comment on column rollup.usage_days.budget_usd is 'The part of cost_usd that the bought budget paid, in US dollars.';
comment on column rollup.usage_days.duration_ms is 'Milliseconds that the calls took together.';

create table rollup.usage_totals (
  model text not null,
  tier text not null,
  outcome text not null,
  runs bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  budget_usd numeric(30, 12) not null,
  duration_ms bigint not null,
  constraint usage_totals_pkey primary key (model, tier, outcome)
) with (fillfactor = 50);
comment on table rollup.usage_totals is 'All model calls there ever were, by model, tier and outcome. A correction takes from one outcome what it adds to another.';
comment on column rollup.usage_totals.credits is 'Credits charged.';
comment on column rollup.usage_totals.cost_usd is 'US dollars, bought budget included.';
comment on column rollup.usage_totals.budget_usd is 'The part of cost_usd that the bought budget paid, in US dollars.';
comment on column rollup.usage_totals.duration_ms is 'Milliseconds that the calls took together.';

create table rollup.user_totals (
  user_id uuid not null,
  runs bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  budget_usd numeric(30, 12) not null,
  first_run_at timestamptz not null,
  last_run_at timestamptz not null,
  constraint user_totals_pkey primary key (user_id)
) with (fillfactor = 70);
comment on table rollup.user_totals is 'All model calls of a person, whoever paid for them.';
comment on column rollup.user_totals.credits is 'Credits charged.';
comment on column rollup.user_totals.cost_usd is 'US dollars, bought budget included.';
comment on column rollup.user_totals.budget_usd is 'The part of cost_usd that the bought budget paid, in US dollars.';

create table rollup.user_months (
  month timestamptz not null,
  user_id uuid not null,
  runs bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  budget_usd numeric(30, 12) not null,
  constraint user_months_pkey primary key (month, user_id)
) with (fillfactor = 70);
comment on table rollup.user_months is 'Model calls of a person by UTC month of their reservation, whoever paid for them.';
comment on column rollup.user_months.credits is 'Credits charged.';
comment on column rollup.user_months.cost_usd is 'US dollars, bought budget included.';
comment on column rollup.user_months.budget_usd is 'The part of cost_usd that the bought budget paid, in US dollars.';

create table rollup.user_days (
  day timestamptz not null,
  user_id uuid not null,
  runs bigint not null,
  constraint user_days_pkey primary key (day, user_id)
) with (fillfactor = 70);
comment on table rollup.user_days is 'Who was active on a UTC day. Kept for some weeks, only to count people once: the counts stay, in people_days.';

create table rollup.people_days (
  day timestamptz not null,
  people bigint not null,
  constraint people_days_pkey primary key (day)
) with (fillfactor = 70);
comment on table rollup.people_days is 'Distinct people whose model calls were reserved on a UTC day.';

create table rollup.people_months (
  month timestamptz not null,
  people bigint not null,
  constraint people_months_pkey primary key (month)
) with (fillfactor = 70);
comment on table rollup.people_months is 'Distinct people whose model calls were reserved in a UTC month.';

create table rollup.package_days (
  day timestamptz not null,
  package_id uuid not null,
  runs bigint not null,
  comparisons bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  constraint package_days_pkey primary key (day, package_id)
) with (fillfactor = 70);
comment on table rollup.package_days is 'Model calls by UTC day of their reservation and package.';
comment on column rollup.package_days.credits is 'Credits charged.';
comment on column rollup.package_days.cost_usd is 'US dollars, bought budget included.';

create table rollup.package_users (
  package_id uuid not null,
  user_id uuid not null,
  runs bigint not null,
  constraint package_users_pkey primary key (package_id, user_id)
) with (fillfactor = 70);
comment on table rollup.package_users is 'Who ever ran a package, to count people once.';

create table rollup.package_totals (
  package_id uuid not null,
  runs bigint not null,
  comparisons bigint not null,
  credits bigint not null,
  cost_usd numeric(30, 12) not null,
  people bigint not null,
  constraint package_totals_pkey primary key (package_id)
) with (fillfactor = 70);
comment on table rollup.package_totals is 'All model calls of a package; people: distinct ones.';
comment on column rollup.package_totals.credits is 'Credits charged.';
comment on column rollup.package_totals.cost_usd is 'US dollars, bought budget included.';

create table rollup.refreshes (
  name text not null,
  refreshed_at timestamptz not null,
  rows_read bigint,
  duration interval not null,
  constraint refreshes_pkey primary key (name)
) with (fillfactor = 50);
comment on table rollup.refreshes is 'When each cache of the analysts'' views was last made anew and how long that took; also the sums themselves (usage, ledger), with the rows that were new.';

-- The queues are emptied every minute: dead rows are to go when there are some, not when they are a fifth of nothing.
alter table rollup.usage_changes set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);
alter table rollup.ledger_changes set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);
