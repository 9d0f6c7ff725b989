-- Whether everything that should go on by itself does.

create or replace function engine.job_states(p_instant timestamptz)
returns table (
  name text, schedule text, is_active boolean, last_started_at timestamptz, last_status text, last_duration interval,
  last_succeeded_at timestamptz, next_due_at timestamptz, is_late boolean, message text)
language sql stable
as $$
  select run.name, run.schedule, run.is_active, run.last_started_at, run.last_status, run.last_ended_at - run.last_started_at,
    run.last_succeeded_at,
    case when run.is_active then engine.next_due(run.schedule, p_instant) end,
    -- A job that never succeeded can only be late since it was written down; its first run may be under way.
    run.is_active and coalesce(run.last_succeeded_at, '-infinity') < due.at
      and (coalesce(run.last_ended_at is not null or run.last_started_at < due.at, false) or due.at > (select loaded_at from playground.platform_state)),
    left(run.last_message, 500)
  from jobs.list_job_runs() as run
  cross join lateral (
    select coalesce(
      engine.last_due(run.schedule, p_instant - (select job_late_after from playground.platform_settings)), '-infinity')
  ) as due (at)
$$;
comment on function engine.job_states(timestamptz) is
  'The jobs of this database: how each last ran, when it is due next, and whether it is late: it has not succeeded since it was due job_late_after ago. No rows without pg_cron.';

create or replace function engine.waiting(p_name text, p_count bigint, p_oldest timestamptz, p_patience interval, p_detail text, p_instant timestamptz)
returns table (name text, is_ok boolean, value text, detail text)
language sql stable
as $$
  select p_name, coalesce(p_oldest > p_instant - p_patience, true), p_count::text,
    case when p_count > 0 then format('the oldest since %s; %s', engine.iso(p_oldest), p_detail) end
$$;
comment on function engine.waiting(text, bigint, timestamptz, interval, text, timestamptz) is
  'A line of admin.health about things that wait: how many, since when; no longer well when the oldest has waited p_patience.';

create or replace function engine.health(p_instant timestamptz)
returns table (name text, is_ok boolean, value text, detail text)
language sql stable
as $$
  with settings as (
    select * from playground.platform_settings
  ), state as (
    select *, exists (select from pg_catalog.pg_extension where extname = 'pg_cron') as has_scheduler from playground.platform_state
  )
  select 'code', code_version is not null, code_version, 'loaded at ' || engine.iso(loaded_at)
  from state
  union all
  select 'heartbeat', not has_scheduler or coalesce(heartbeat_at > p_instant - job_late_after, false), coalesce(date_trunc('second', p_instant - heartbeat_at)::text, 'never'),
    case when has_scheduler then 'since jobs.beat last ran, every minute (wait for one after the first deploy); when no job of admin.jobs runs: select admin.set_jobs_active(false, ''wake'', ''beat''), then the same with true' else 'this database has no pg_cron: what is due is done when an account is touched' end
  from state cross join settings
  union all
  select 'ledger', ledger_violations = 0 and (not has_scheduler or coalesce(ledger_verified_at > p_instant - job_late_after, false)), ledger_violations::text,
    format('violations when last verified: %s; which: select * from admin.verify_ledger()', coalesce(engine.iso(ledger_verified_at), 'not yet'))
  from state cross join settings
  union all
  select 'job ' || j.name, j.is_active and not j.is_late and coalesce(j.last_status, '') <> 'failed',
    case when not j.is_active then 'switched off' when j.is_late then 'late' else coalesce(j.last_status, 'not yet run') end,
    concat_ws('; ',
      case when j.last_succeeded_at is null then 'never succeeded yet' else 'last succeeded at ' || engine.iso(j.last_succeeded_at) end,
      case when j.is_active then 'next due at ' || engine.iso(j.next_due_at) else format('on again: select admin.set_jobs_active(true, ''why'', %L)', j.name) end,
      'PostgreSQL said: ' || j.message)
  from engine.job_states(p_instant) as j
  union all
  select 'open holds', true, count(*)::text, 'runs under way: ' || coalesce(sum(credits), 0) || ' credits'
  from playground.holds
  where status = 'open'
  union all
  select late.* from settings cross join lateral (
    select count(*) as holds, min(expires_at) as oldest from playground.holds where status = 'open' and expires_at <= p_instant
  ) as over cross join lateral engine.waiting(
    'holds past their end', over.holds, over.oldest, interval '2 minutes', 'jobs.expire_holds frees them', p_instant) as late
  union all
  select late.* from settings cross join lateral (
    select count(*) as events, min(received_at) as oldest from playground.stripe_events where state = 'parked'
  ) as parked cross join lateral engine.waiting(
    'parked Stripe events', parked.events, parked.oldest, settings.parked_alert_after, 'why: admin.stripe_events', p_instant) as late
  union all
  select late.* from settings cross join lateral (
    select count(*) as tasks, min(created_at) as oldest from playground.billing_tasks where state = 'due' and next_try_at <= p_instant
  ) as due cross join lateral engine.waiting(
    'billing tasks due', due.tasks, due.oldest, settings.job_late_after, 'the gateway does them at Stripe: admin.billing_tasks', p_instant) as late
  union all
  select late.* from settings cross join lateral (
    select count(*) as notices, min(created_at) as oldest from playground.notices where state = 'due' and next_try_at <= p_instant
  ) as due cross join lateral engine.waiting(
    'notices due', due.notices, due.oldest, settings.job_late_after, 'the gateway mails them: admin.notices', p_instant) as late
  union all
  select late.* from settings cross join lateral (
    select count(*) as alerts, min(created_at) as oldest from playground.alert_deliveries where state = 'due' and next_try_at <= p_instant
  ) as due cross join lateral engine.waiting(
    'alert deliveries due', due.alerts, due.oldest, interval '7 days', 'the gateway sends them when it has ALERT_WEBHOOK_URL: admin.alert_deliveries', p_instant) as late
  union all
  select 'alerts of the platform', count(*) = 0, count(*)::text, string_agg(distinct kind, ', ') || '; see admin.alerts, then admin.acknowledge_alert'
  from playground.alerts
  where user_id = '00000000-0000-0000-0000-000000000000' and acknowledged_at is null
  union all
  select 'roll-up', queue.rows = 0 or coalesce(done.at > p_instant - settings.job_late_after, false), queue.rows::text,
    format('model calls and lines that the analysts'' sums do not hold yet; last rolled up at %s', coalesce(engine.iso(done.at), 'never'))
  from settings
  cross join lateral (
    select (select count(*) from rollup.usage_changes) + (select count(*) from rollup.ledger_changes)
  ) as queue (rows)
  cross join lateral (select min(refreshed_at) from rollup.refreshes where refreshes.name in ('usage', 'ledger')) as done (at)
  union all
  select 'analytics', not state.has_scheduler or coalesce(min(refreshed_at) > p_instant - interval '1 hour' - settings.job_late_after, false),
    date_trunc('second', p_instant - min(refreshed_at))::text, 'age of the oldest cached view; now: admin.refresh_analytics'
  from state
  cross join settings
  left join rollup.refreshes on refreshes.name not in ('usage', 'ledger')
  group by state.has_scheduler, settings.job_late_after
  union all
  select 'months ahead of ' || t.parent, count(m.partition) > 0, count(m.partition)::text, 'partitions from the next UTC month on; jobs.create_partitions makes them'
  from engine.retained_tables() as t
  left join lateral engine.months_of(t.parent) as m on m.starts_at > p_instant
  group by t.parent
  union all
  select late.* from (
    select count(*) as months,
      (select min(created_at) from playground.audit_log
       where user_id = '00000000-0000-0000-0000-000000000000' and action = 'retire_months') as announced_at
    from engine.retained_tables() as t
    cross join lateral engine.months_of(t.parent) as m
    where m.ends_at <= engine.kept_since(t.parent)
  ) as gone cross join lateral engine.waiting(
    'months to be dropped', gone.months, case when gone.months > 0 then gone.announced_at end, interval '3 days', 'somebody holds them, or an event of them is parked', p_instant) as late
  union all
  select 'provider ' || p.provider, p.is_enabled and spend.usd * 100 < p.daily_ceiling_usd * settings.ceiling_alert_percent,
    case when p.is_enabled then format('%s of %s USD', round(spend.usd, 2), round(p.daily_ceiling_usd, 2)) else 'switched off' end,
    case
      when not p.is_enabled then format('on again: select admin.set_provider_enabled(%L, true, ''why'')', p.provider)
      when p.stops_at_ceiling then 'spent today (UTC); runs stop at the ceiling'
      else 'spent today (UTC); the ceiling only alerts'
    end
  from playground.providers p
  cross join settings
  cross join lateral (
    select coalesce(sum(s.cost_usd), 0) from playground.provider_spend s
    where s.provider = p.provider and s.starts_at = date_trunc('day', p_instant, 'UTC')
  ) as spend (usd)
$$;
comment on function engine.health(timestamptz) is 'What admin.health shows, as of an instant.';
