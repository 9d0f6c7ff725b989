create or replace view admin.users as
select
  standing.user_id as id,
  standing.email,
  round(standing.month_cost_usd, greatest(2, min_scale(standing.month_cost_usd))) as current_month_api_cost,
  round(lifetime.cost_usd, greatest(2, min_scale(lifetime.cost_usd))) as lifetime_api_cost,
  standing.is_throttled,
  case
    when standing.is_throttled_by_operator then standing.throttled_reason
    when standing.exhausted_limit is null then null
    when not standing.is_active then format('The tier %s is not active and refuses every run', standing.tier)
    when standing.exhausted_limit = 'runs_concurrent' then 'No run may be under way at once'
    when reached.amount is null then format('No limit is set for the tier %s, which refuses every run', standing.tier)
    else format(
      case standing.exhausted_limit
        when 'runs_hour' then 'Limit of %s runs an hour reached, until %s UTC'
        when 'cost_day' then 'Limit of $%s a day reached, until %s UTC'
        when 'cost_month' then 'Limit of $%s a month reached, until %s UTC'
        else 'Own cap of $%s a month reached, until %s UTC'
      end,
      case standing.exhausted_limit
        when 'runs_hour' then reached.amount
        else round(reached.amount, greatest(2, min_scale(reached.amount)))
      end,
      to_char(standing.exhausted_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
    )
  end as throttled_reason,
  case when standing.is_throttled_by_operator then standing.throttled_at end as throttled_at,
  coalesce(plan.status, case when past.account_id is not null then 'canceled' end) as prpm_plus_status,
  standing.created_at
from engine.user_standings as standing
left join playground.subscriptions as plan
  on plan.account_id = standing.account_id
  and plan.ended_at is null
  and plan.status <> 'incomplete'
left join (
  select account_id
  from playground.subscriptions
  where ended_at is not null
    and periods > 0
  group by account_id
) as past on past.account_id = standing.account_id
left join rollup.user_totals as total on total.user_id = standing.user_id
-- What the sums do not hold yet: a minute's worth.
left join (
  select
    user_id,
    sum(cost_usd) as cost_usd
  from rollup.usage_changes
  group by user_id
) as fresh on fresh.user_id = standing.user_id
cross join lateral (
  select coalesce(total.cost_usd, 0) + coalesce(fresh.cost_usd, 0) as cost_usd
) as lifetime
cross join lateral (
  select case standing.exhausted_limit
    when 'runs_hour' then standing.runs_limit
    when 'cost_day' then standing.daily_limit_usd
    when 'cost_month' then standing.monthly_limit_usd
    else standing.cost_cap_usd
  end as amount
) as reached;
comment on view admin.users is
  'People, but for deleted ones. UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE … ends an operator''s throttle and exempts from an exhausted window until it ends; SET is_throttled = TRUE, throttled_reason = ''…'' stops a person''s runs. Both leave an audit line; why: SET scrip.reason = ''…''.';
comment on column admin.users.id is 'The person: user_id elsewhere.';
comment on column admin.users.email is 'The address the person registered with.';
comment on column admin.users.current_month_api_cost is 'API cost of this calendar month (UTC) in US dollars: ended runs, with what bought credits'' budget paid. Nothing resets it.';
comment on column admin.users.lifetime_api_cost is 'API cost of all ended runs in US dollars.';
comment on column admin.users.is_throttled is 'The next run is refused: by an operator, or because a limit leaves no room for even the smallest run.';
comment on column admin.users.throttled_reason is 'The operator''s reason, or the limit that is exhausted and until when.';
comment on column admin.users.throttled_at is 'Since when an operator throttles the person; null for an exhausted limit.';
comment on column admin.users.prpm_plus_status is 'Status of the live plan (trialing, active, past_due, unpaid); canceled when it has ended; null for who never had one.';
comment on column admin.users.created_at is 'When the person registered.';

create or replace trigger write_throttle
instead of update on admin.users
for each row execute function engine.write_throttle();
create or replace trigger refuse_changes
instead of insert or delete on admin.users
for each row execute function engine.refuse_view_change(
  'People register themselves. To stop one: admin.throttle(user, reason). To forget one for good: admin.delete_user(user, reason). To give credits: admin.grant_credits(user, credits, reason).'
);
