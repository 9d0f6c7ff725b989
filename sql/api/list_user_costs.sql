create or replace function api.list_user_costs(
  p_user_id uuid, p_token text, p_request_id text, p_risk_level text default null, p_limit integer default 20, p_cursor text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after text[];
  v_found json[];
  v_places text[];
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_limit(p_limit);
  if p_risk_level not in ('high_risk', 'medium_risk', 'low_risk', 'safe') then
    perform engine.refuse_field('riskLevel', 'must be high_risk, medium_risk, low_risk or safe');
  end if;
  v_after := engine.read_cursor(p_cursor, '-?[0-9]{1,12}([.][0-9]{1,20})? [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}');

  -- One more than asked for tells whether there is a next page.
  select array_agg(listed.shown order by listed.month_cost_usd desc, listed.user_id),
    array_agg(engine.write_cursor(listed.month_cost_usd::text, listed.user_id::text) order by listed.month_cost_usd desc, listed.user_id)
  into v_found, v_places
  from (
    select cached.month_cost_usd, cached.user_id, json_build_object(
        'userId', cached.user_id,
        'email', person.email,
        'tier', cached.tier,
        'currentMonthCost', trim_scale(cached.month_cost_usd),
        'requests', cached.month_requests,
        'averageCost', trim_scale(cached.average_cost_usd),
        'lifetimeCost', trim_scale(cached.lifetime_cost_usd),
        'revenue', trim_scale(cached.month_revenue_usd),
        'margin', trim_scale(cached.margin_percent),
        'isThrottled', cached.is_throttled,
        'riskLevel', cached.risk_level,
        'lastRequestAt', engine.iso(cached.last_request_at)
      ) as shown
    from rollup.user_cost_analytics as cached
    left join playground.users as person using (user_id)
    where (p_risk_level is null or cached.risk_level = p_risk_level)
      and (v_after is null or (-cached.month_cost_usd, cached.user_id) > (-(v_after[1]::numeric), v_after[2]::uuid))
    order by cached.month_cost_usd desc, cached.user_id
    limit p_limit + 1
  ) as listed;
  return json_build_object(
    'users', coalesce(to_json(v_found[1:p_limit]), '[]'),
    'nextCursor', case when cardinality(v_places) > p_limit then v_places[p_limit] end,
    'refreshedAt', (select engine.iso(refreshed_at) from rollup.refreshes where name = 'user_cost_analytics')
  );
end $$;
comment on function api.list_user_costs(uuid, text, text, text, integer, text) is
  'GET /admin/cost-analytics/users. What people cost, as the cached view knows it, who cost most this month (UTC) first: US dollars, revenue of the month as paid, margin in percent. A cursor goes on after the last one shown. SCV01 for a limit outside 1–100, a risk or a cursor that is none; SCA01, SCA07.';
