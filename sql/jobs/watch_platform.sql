create or replace function jobs.watch_platform()
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_platform constant uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_now constant timestamptz := engine.now();
  v_day constant timestamptz := date_trunc('day', v_now, 'UTC');
  v_month constant timestamptz := date_trunc('month', v_now, 'UTC');
  v_settings playground.platform_settings;
  v_money record;
  v_people record;
  v_job record;
  v_before bigint;
begin
  select * into strict v_settings from playground.platform_settings;
  select count(*) into v_before from playground.alerts where user_id = v_platform and window_starts_at = v_day;

  -- What a month earns is what was paid in it and not given back, as in analytics; other currencies are not weighed.
  select coalesce(sum(net_cents), 0) * 0.01 as revenue_usd,
    (select coalesce(sum(cost_usd), 0) from playground.provider_spend where starts_at >= v_month and starts_at <= v_day) as cost_usd
  into v_money
  from engine.net_payments
  where paid_at >= v_month and paid_at <= v_now and currency = 'usd';
  if v_money.revenue_usd > 0 and (v_money.revenue_usd - v_money.cost_usd) * 100 < v_money.revenue_usd * v_settings.margin_alert_percent then
    perform engine.alert_once(
      v_platform, v_day, 'margin_low',
      jsonb_build_object(
        'revenueUsd', v_money.revenue_usd, 'costUsd', round(v_money.cost_usd, 6),
        'marginPercent', round((v_money.revenue_usd - v_money.cost_usd) * 100 / v_money.revenue_usd, 1), 'alertPercent', v_settings.margin_alert_percent),
      v_now);
  end if;

  -- Whom their own cap stops wanted it so.
  select count(*) as active, count(*) filter (where is_throttled_by_operator) as by_operator,
    count(*) filter (where not is_throttled_by_operator and exhausted_limit = 'cost_month') as by_month,
    count(*) filter (where not is_throttled_by_operator and exhausted_limit = 'cost_day') as by_day,
    count(*) filter (where not is_throttled_by_operator and exhausted_limit in ('runs_hour', 'runs_concurrent')) as by_hour
  into v_people
  from playground.cost_windows
  join engine.user_standings using (user_id)
  where kind = 'month' and starts_at = v_month and runs > 0;
  if (v_people.by_operator + v_people.by_month + v_people.by_day + v_people.by_hour) * 100 > v_people.active * v_settings.throttled_alert_percent then
    perform engine.alert_once(
      v_platform, v_day, 'many_throttled',
      jsonb_build_object(
        'activePeople', v_people.active, 'throttledPeople', v_people.by_operator + v_people.by_month + v_people.by_day + v_people.by_hour,
        'byOperator', v_people.by_operator, 'byMonth', v_people.by_month, 'byDay', v_people.by_day, 'byHour', v_people.by_hour,
        'alertPercent', v_settings.throttled_alert_percent),
      v_now);
  end if;

  -- As the next run would find it, when none comes.
  perform engine.provider_refusal(provider, null, v_now) from playground.providers order by provider;

  for v_job in
    select *, engine.last_due(schedule, v_now - v_settings.job_late_after) as due_at
    from engine.job_states(v_now)
    where is_late
  loop
    perform engine.alert_once(
      v_platform, v_day, 'job_late: ' || v_job.name,
      jsonb_build_object(
        'schedule', v_job.schedule, 'dueAt', engine.iso(v_job.due_at), 'lastStartedAt', engine.iso(v_job.last_started_at),
        'lastSucceededAt', engine.iso(v_job.last_succeeded_at), 'lastStatus', v_job.last_status, 'lastMessage', left(v_job.message, 200)),
      v_now);
  end loop;

  perform engine.alert_parked(event_id, type, reason, v_now)
  from playground.stripe_events
  where state = 'parked' and received_at <= v_now - v_settings.parked_alert_after
  order by received_at;

  perform engine.alert_failing('deliveries_failing', count(*), min(created_at), max(attempts), max(last_error), v_now)
  from playground.alert_deliveries
  where state = 'due' and attempts >= 4 and last_error is not null
  having count(*) > 0;
  perform engine.alert_failing('notices_failing', count(*), min(created_at), max(attempts), max(last_error), v_now)
  from playground.notices
  where state = 'due' and attempts >= 4 and last_error is not null
  having count(*) > 0;

  return (select count(*) - v_before from playground.alerts where user_id = v_platform and window_starts_at = v_day);
end $$;
comment on function jobs.watch_platform() is
  'Every 5 minutes: alerts operators, once a day and kind, when the month''s margin is low, many people are throttled, a provider nears its ceiling, a job is late, Stripe events stay parked, or messages fail again and again. Returns how many alerts are new.';
