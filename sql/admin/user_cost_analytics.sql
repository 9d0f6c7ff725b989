create or replace view admin.user_cost_analytics as
select
  figures.user_id,
  person.email,
  figures.tier,
  round(figures.month_cost_usd, greatest(2, min_scale(figures.month_cost_usd))) as current_month_api_cost,
  figures.month_requests as current_month_requests,
  round(figures.average_cost_usd, greatest(2, min_scale(figures.average_cost_usd))) as avg_cost_per_request,
  round(figures.lifetime_cost_usd, greatest(2, min_scale(figures.lifetime_cost_usd))) as lifetime_api_cost,
  figures.lifetime_requests as total_requests,
  figures.month_revenue_usd as monthly_revenue,
  figures.lifetime_revenue_usd as lifetime_revenue,
  figures.margin_percent as current_margin_percent,
  figures.is_throttled,
  figures.risk_level,
  figures.last_request_at,
  figures.is_organization_member,
  figures.refreshed_at as created_at
from rollup.user_cost_analytics as figures
left join playground.users as person using (user_id);
comment on view admin.user_cost_analytics is
  'What each person costs and brings in, as of the latest refresh (created_at; each hour, or refresh_user_cost_analytics()). Analysts see the same under pseudonyms. The figures of this moment: users.';
comment on column admin.user_cost_analytics.user_id is 'The person: id of users.';
comment on column admin.user_cost_analytics.email is 'Their address; null for who left.';
comment on column admin.user_cost_analytics.tier is 'The tier whose limits bound them then.';
comment on column admin.user_cost_analytics.current_month_api_cost is 'API cost of the calendar month (UTC) in US dollars: ended runs, with what bought credits'' budget paid.';
comment on column admin.user_cost_analytics.current_month_requests is 'Model calls of the month.';
comment on column admin.user_cost_analytics.avg_cost_per_request is 'API cost a call of the month in US dollars.';
comment on column admin.user_cost_analytics.lifetime_api_cost is 'API cost of all ended runs in US dollars.';
comment on column admin.user_cost_analytics.total_requests is 'All model calls.';
comment on column admin.user_cost_analytics.monthly_revenue is 'Paid in the month, less what was given back or lost in disputes, in US dollars; other currencies are not counted.';
comment on column admin.user_cost_analytics.lifetime_revenue is 'The same of all time, in US dollars.';
comment on column admin.user_cost_analytics.current_margin_percent is 'Revenue less cost of the month, in percent of the revenue; null without revenue.';
comment on column admin.user_cost_analytics.is_throttled is 'Their runs were refused then: by an operator, or for an exhausted limit.';
comment on column admin.user_cost_analytics.risk_level is 'By the month''s cost: high_risk above $5, medium_risk above $2.50, low_risk above $1, otherwise safe.';
comment on column admin.user_cost_analytics.last_request_at is 'When their latest model call began.';
comment on column admin.user_cost_analytics.is_organization_member is 'They belong to an organisation.';
comment on column admin.user_cost_analytics.created_at is 'When these figures were taken, the same in every row.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.user_cost_analytics
for each row execute function engine.refuse_view_change(
  'These are figures; to take them anew: SELECT refresh_user_cost_analytics(). To throttle a person: UPDATE users SET is_throttled = TRUE, throttled_reason = ''…'' WHERE ….'
);
