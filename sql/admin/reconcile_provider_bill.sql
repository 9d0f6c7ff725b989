create or replace function admin.reconcile_provider_bill(
  p_provider text,
  p_day date,
  p_billed_usd numeric,
  p_reason text default 'daily bill'
)
returns table (
  billed_usd numeric,
  recorded_usd numeric,
  difference_usd numeric,
  difference_percent numeric,
  is_alarming boolean,
  simulated_usd numeric
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_starts_at constant timestamptz := p_day::timestamp at time zone 'UTC';
  v_ends_at constant timestamptz := engine.window_end('day', v_starts_at);
  v_alert_percent constant integer := (select bill_alert_percent from playground.platform_settings);
  v_before playground.provider_bills;
begin
  perform engine.check_reason(p_reason);
  perform from playground.providers where provider = p_provider for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('provider', p_provider, array(select provider from playground.providers order by provider)));
  end if;
  if p_billed_usd is null or p_billed_usd not between 0 and 99999999 or scale(trim_scale(p_billed_usd)) > 12 then
    perform engine.refuse('SCD02', 'A bill is an amount in US dollars, and not negative.');
  end if;
  v_now := engine.now();
  if p_day is null or not isfinite(p_day) or v_ends_at > v_now then
    perform engine.refuse('SCD02', 'Name a UTC day that is over.');
  end if;
  if v_starts_at < engine.kept_since('usage') then
    perform engine.refuse('SCD02', 'The usage of that day is not kept any more.');
  end if;

  billed_usd := trim_scale(p_billed_usd);
  select trim_scale(coalesce(sum(u.cost_usd) filter (where not u.is_simulated), 0)), trim_scale(coalesce(sum(u.cost_usd) filter (where u.is_simulated), 0))
  into strict recorded_usd, simulated_usd
  from playground.usage u
  join playground.models m using (model)
  where m.provider = p_provider
    and u.reserved_at >= v_starts_at
    and u.reserved_at < v_ends_at;
  difference_usd := trim_scale(billed_usd - recorded_usd);
  difference_percent := round(difference_usd * 100 / nullif(recorded_usd, 0), 2);
  is_alarming := abs(difference_usd) * 100 > recorded_usd * v_alert_percent;

  select * into v_before from playground.provider_bills where provider = p_provider and starts_at = v_starts_at;
  insert into playground.provider_bills (provider, starts_at, billed_usd, recorded_usd, recorded_by, recorded_at)
  values (p_provider, v_starts_at, billed_usd, recorded_usd, session_user, v_now)
  on conflict (provider, starts_at) do update
  set billed_usd = excluded.billed_usd, recorded_usd = excluded.recorded_usd, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at;
  perform engine.write_audit(
    'reconcile_provider_bill', null, p_provider || ' ' || p_day,
    case when v_before.provider is not null then
      jsonb_build_object('billedUsd', trim_scale(v_before.billed_usd), 'recordedUsd', trim_scale(v_before.recorded_usd)) end,
    jsonb_build_object('billedUsd', trim_scale(billed_usd), 'recordedUsd', trim_scale(recorded_usd)), p_reason
  );
  if is_alarming then
    perform engine.alert_once(
      '00000000-0000-0000-0000-000000000000', v_starts_at, 'provider_bill: ' || p_provider,
      jsonb_build_object(
        'provider', p_provider, 'day', p_day, 'billedUsd', trim_scale(billed_usd), 'recordedUsd', trim_scale(recorded_usd),
        'differenceUsd', trim_scale(difference_usd), 'differencePercent', difference_percent, 'percent', v_alert_percent),
      v_now);
  end if;
  return next;
end $$;
comment on function admin.reconcile_provider_bill(text, date, numeric, text) is
  'When a provider''s bill of a UTC day arrives: keeps its figure (US dollars) beside what the usage of that day recorded, simulated runs apart, and returns the difference, also in percent of ours (null when we recorded nothing). Beyond bill_alert_percent operators are alerted, once per day and provider. The same day again replaces the figure. SCD02 for a wrong amount or a day that is not over or not kept, SCD03 without a reason, SCD04 for an unknown provider.';
