-- What can be counted in the database alone, for Prometheus: names, units and labels as docs/prometheus.rules.yml and
-- docs/grafana.json use them. Every look here is at few rows: open things have indexes of their own.

create or replace function engine.list_metrics()
returns table (name text, kind text, help text, labels jsonb, value numeric)
language sql stable
as $$
  with ran as (
    select model, tier, outcome, sum(runs) as runs, sum(credits) as credits, sum(cost_usd) as cost_usd
    from (
      select model, tier, outcome, runs + taken_back_runs as runs, credits, cost_usd + taken_back_cost_usd as cost_usd from rollup.usage_totals
      union all
      -- Prometheus takes a counter that falls for one that began anew: what a correction takes back stays counted.
      select model, tier, outcome, runs, credits, cost_usd from rollup.usage_changes where runs > 0
    ) as each
    group by model, tier, outcome
  ), clock as materialized (
    select engine.now() as now
  )
  select 'scrip_model_runs_total', 'counter', 'Recorded runs; one that answered late counts as abandoned, too', jsonb_build_object('model', model, 'tier', tier, 'outcome', outcome), runs::numeric from ran
  union all
  select 'scrip_credits_charged_total', 'counter', 'Credits charged for runs', jsonb_build_object('model', model, 'tier', tier, 'outcome', outcome), credits::numeric from ran
  union all
  select 'scrip_cost_usd_total', 'counter', 'API cost of runs, in US dollars; of one that answered late also what it was thought to cost', jsonb_build_object('model', model, 'tier', tier, 'outcome', outcome), cost_usd from ran
  union all
  select 'scrip_provider_spend_usd', 'gauge', 'API cost of this UTC day, in US dollars', jsonb_build_object('provider', p.provider),
    coalesce((select sum(s.cost_usd) from playground.provider_spend s where s.provider = p.provider and s.starts_at = date_trunc('day', clock.now, 'UTC')), 0)
  from playground.providers p
  cross join clock
  union all
  select 'scrip_provider_ceiling_usd', 'gauge', 'API cost of a day at which operators are alerted, in US dollars', jsonb_build_object('provider', provider), daily_ceiling_usd
  from playground.providers
  union all
  select 'scrip_provider_enabled', 'gauge', '1 while runs with this provider may start', jsonb_build_object('provider', provider), is_enabled::integer
  from playground.providers
  union all
  select 'scrip_holds_open', 'gauge', 'Runs under way', '{}', count(*) from playground.holds where status = 'open'
  union all
  select 'scrip_holds_overdue', 'gauge', 'Holds that should have ended', '{}', count(*)
  from playground.holds
  cross join clock
  where status = 'open' and expires_at < clock.now
  union all
  select 'scrip_credits_held', 'gauge', 'Credits that open runs hold', '{}', coalesce(sum(credits), 0) from playground.holds where status = 'open'
  union all
  select 'scrip_stripe_events_parked', 'gauge', 'Events of Stripe that wait', '{}', count(*) from playground.stripe_events where state = 'parked'
  union all
  select 'scrip_stripe_event_oldest_parked_seconds', 'gauge', 'Age of the oldest event of Stripe that waits', '{}',
    coalesce(extract(epoch from max(clock.now) - min(received_at)), 0)
  from playground.stripe_events
  cross join clock
  where state = 'parked'
  union all
  select 'scrip_stripe_webhook_lag_seconds', 'gauge', 'Longest time from an event of Stripe to its arrival here, of the last 15 minutes', '{}',
    coalesce(extract(epoch from max(received_at - created_at)), 0)
  from playground.stripe_events
  where received_at > (select now - interval '15 minutes' from clock)
  union all
  select 'scrip_outbox_due', 'gauge', 'Messages and tasks that wait to be done', jsonb_build_object('outbox', outbox), waiting
  from (
    select 'notices' as outbox, count(*) as waiting from playground.notices where state = 'due'
    union all
    select 'alerts', count(*) from playground.alert_deliveries where state = 'due'
    union all
    select 'billing_tasks', count(*) from playground.billing_tasks where state = 'due'
  ) as due
  union all
  select 'scrip_outbox_failed', 'gauge', 'Messages and tasks that were given up', jsonb_build_object('outbox', outbox), waiting
  from (
    select 'notices' as outbox, count(*) as waiting from playground.notices where state = 'failed'
    union all
    select 'alerts', count(*) from playground.alert_deliveries where state = 'failed'
    union all
    select 'billing_tasks', count(*) from playground.billing_tasks where state = 'failed'
  ) as failed
  union all
  select 'scrip_alerts_unacknowledged', 'gauge', 'Alerts of the last week that nobody has acknowledged', jsonb_build_object('of', case when user_id = '00000000-0000-0000-0000-000000000000' then 'platform' else 'people' end),
    count(*)
  from playground.alerts
  where acknowledged_at is null and created_at > (select now - interval '7 days' from clock)
  group by 4
  union all
  select 'scrip_scheduler_heartbeat_age_seconds', 'gauge', 'Since the scheduler last ran', '{}', extract(epoch from clock.now - heartbeat_at)
  from playground.platform_state
  cross join clock
  where heartbeat_at is not null
  union all
  select 'scrip_ledger_verified_age_seconds', 'gauge', 'Since the ledger last checked itself', '{}', extract(epoch from clock.now - ledger_verified_at)
  from playground.platform_state
  cross join clock
  where ledger_verified_at is not null
  union all
  select 'scrip_rollup_oldest_change_seconds', 'gauge', 'Age of the oldest run that the analysts'' sums do not hold yet', '{}',
    coalesce(extract(epoch from max(clock.now) - min(reserved_at)), 0)
  from rollup.usage_changes
  cross join clock
  union all
  select 'scrip_job_last_success_age_seconds', 'gauge', 'Since a job of the scheduler last succeeded', jsonb_build_object('job_name', job.name),
    extract(epoch from clock.now - job.last_succeeded_at)
  from jobs.list_job_runs() as job
  cross join clock
  where job.last_succeeded_at is not null
  union all
  select 'scrip_job_late', 'gauge', '1 when a job of the scheduler has not succeeded since it was due', jsonb_build_object('job_name', job.name), job.is_late::integer
  from clock
  cross join lateral engine.job_states(clock.now) as job
  union all
  select 'scrip_ledger_violations', 'gauge', 'Violations that the last self-check of the ledger found', '{}', ledger_violations from playground.platform_state
$$;
comment on function engine.list_metrics() is
  'Metrics of the database: name, kind (counter or gauge), meaning with its unit, labels, value. Counters are of everything that was ever recorded, and never fall.';
