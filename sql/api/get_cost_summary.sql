create or replace function api.get_cost_summary(p_user_id uuid, p_token text, p_request_id text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  return (
    select json_build_object(
      'totalMonthlyRevenue', trim_scale(revenue_usd),
      'totalMonthlyCost', trim_scale(cost_usd),
      'overallMargin', case when revenue_usd > 0 then trim_scale(round((revenue_usd - cost_usd) * 100 / revenue_usd, 2)) end,
      'activeUsers', active_users,
      'throttledUsers', throttled_users,
      'highRiskUsers', high_risk_users,
      'averageCostPerUser', case when active_users > 0 then trim_scale(round(cost_usd / active_users, 12)) else 0 end,
      'refreshedAt', (select engine.iso(refreshed_at) from rollup.refreshes where name = 'user_cost_analytics')
    )
    from (
      select coalesce(sum(month_revenue_usd), 0) as revenue_usd,
        coalesce(sum(month_cost_usd), 0) as cost_usd,
        count(*) filter (where month_requests > 0) as active_users,
        count(*) filter (where is_throttled) as throttled_users,
        count(*) filter (where risk_level = 'high_risk') as high_risk_users
      from rollup.user_cost_analytics
    ) as summed
  );
end $$;
comment on function api.get_cost_summary(uuid, text, text) is
  'GET /admin/cost-analytics/summary. The month (UTC) as the cached view knows it, with its age: revenue as paid and API cost in US dollars, margin in percent (null without revenue), people who ran something, cost of each of them. SCA01, SCA07.';
