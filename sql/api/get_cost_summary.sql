create or replace function api.get_cost_summary(p_user_id uuid, p_token text, p_request_id text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  return (
    select json_build_object(
      'totalMonthlyRevenue', trim_scale(earned.revenue_usd),
      'totalMonthlyCost', trim_scale(cost_usd),
      'overallMargin', case when earned.revenue_usd > 0 then trim_scale(round((earned.revenue_usd - cost_usd) * 100 / earned.revenue_usd, 2)) end,
      'activeUsers', active_users,
      'throttledUsers', throttled_users,
      'highRiskUsers', high_risk_users,
      'averageCostPerUser', case when active_users > 0 then trim_scale(round(cost_usd / active_users, 12)) else 0 end,
      'refreshedAt', engine.iso(refresh.refreshed_at)
    )
    from rollup.refreshes as refresh
    -- What organisations pay is no person's, so revenue is not the people's sum.
    left join (
      select month, net as revenue_usd
      from rollup.revenue
      where currency = 'usd'
    ) as in_month on in_month.month = date_trunc('month', refresh.refreshed_at, 'UTC')
    cross join lateral (select coalesce(in_month.revenue_usd, 0) as revenue_usd) as earned
    cross join (
      select coalesce(sum(month_cost_usd), 0) as cost_usd,
        count(*) filter (where month_requests > 0) as active_users,
        count(*) filter (where is_throttled) as throttled_users,
        count(*) filter (where risk_level = 'high_risk') as high_risk_users
      from rollup.user_cost_analytics
    ) as summed
    where refresh.name = 'user_cost_analytics'
  );
end $$;
comment on function api.get_cost_summary(uuid, text, text) is
  'GET /admin/cost-analytics/summary. The month (UTC) as the cached views know it, with their age: revenue as paid, less what went back, by organisations too, and API cost in US dollars, margin in percent (null without revenue), people who ran something, cost of each of them. SCA01, SCA07.';
