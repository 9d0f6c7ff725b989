create or replace view admin.user_limits as
select
  l.user_id,
  u.email,
  l.is_temporary,
  l.ends_at is null or l.ends_at > clock.now as is_in_force,
  trim_scale(l.monthly_cost_limit_usd) as monthly_cost_limit_usd,
  trim_scale(l.daily_cost_limit_usd) as daily_cost_limit_usd,
  l.runs_per_hour,
  l.concurrent_runs,
  l.reason,
  coalesce(acting.email, l.set_by) as set_by,
  l.set_at,
  l.ends_at
from playground.user_limits l
join playground.users u using (user_id)
left join playground.users as acting
  on acting.user_id = case when l.set_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then l.set_by::uuid end
cross join (select engine.now() as now) as clock;
comment on view admin.user_limits is
  'When you ask who has other limits than their tier, why and until when. One that ends goes before one that stands; null: the tier''s. To change: admin.set_user_limit, admin.end_user_limit.';
comment on column admin.user_limits.email is 'Null for a deleted person.';
comment on column admin.user_limits.monthly_cost_limit_usd is 'API cost of a calendar month (UTC), in US dollars.';
comment on column admin.user_limits.daily_cost_limit_usd is 'API cost of a day (UTC), in US dollars.';
comment on column admin.user_limits.set_by is 'The role that was logged in, or the address of the admin who asked over HTTP.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.user_limits
for each row execute function engine.refuse_view_change(
  'To give a person limits: admin.set_user_limit(user, reason, until, …); to end them: admin.end_user_limit(user, reason).'
);
