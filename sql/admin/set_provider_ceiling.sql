create or replace function admin.set_provider_ceiling(p_provider text, p_daily_usd numeric, p_stops boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before playground.providers;
  v_after playground.providers;
begin
  perform engine.check_reason(p_reason);
  if num_nonnulls(p_daily_usd, p_stops) = 0 then
    perform engine.refuse('SCD02', 'Say how much a day may cost, or whether runs stop there.');
  end if;
  perform engine.check_limits(null, p_daily_usd, null, null);
  select * into v_before from playground.providers where provider = p_provider for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('provider', p_provider, array(select provider from playground.providers order by provider)));
  end if;

  update playground.providers
  set daily_ceiling_usd = coalesce(p_daily_usd, daily_ceiling_usd),
    stops_at_ceiling = coalesce(p_stops, stops_at_ceiling)
  where provider = p_provider
  returning * into v_after;
  if v_after is distinct from v_before then
    perform engine.write_audit(
      'set_provider_ceiling', null, p_provider,
      jsonb_build_object('dailyUsd', trim_scale(v_before.daily_ceiling_usd), 'stops', v_before.stops_at_ceiling),
      jsonb_build_object('dailyUsd', trim_scale(v_after.daily_ceiling_usd), 'stops', v_after.stops_at_ceiling), p_reason
    );
  end if;
end $$;
comment on function admin.set_provider_ceiling(text, numeric, boolean, text) is
  'Says what a provider may cost in a day (UTC), in US dollars: operators are alerted near it and at it, and with p_stops new runs stop there until the next day. Null leaves as it is, the same again changes nothing. SCD02 for a value that is no amount, SCD03 without a reason, SCD04 for an unknown provider.';
