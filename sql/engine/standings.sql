-- Where everybody stands, at once: for the lists of operators and analysts. Runs ask engine.check_run_limits, under the
-- account's lock; tests hold the two together.

create or replace view engine.user_standings as
with present as materialized (
  select clock.now,
    date_trunc('month', clock.now, 'UTC') as month,
    date_trunc('day', clock.now, 'UTC') as day,
    date_trunc('hour', clock.now, 'UTC') as hour,
    settings.paid_runs_per_hour,
    (select cost_usd from engine.smallest_run) as smallest_run_usd
  from (select engine.now() as now) as clock
  cross join playground.platform_settings as settings
), bounded as (
  select person.user_id, person.account_id, person.email, person.created_at, person.cost_cap_usd, present.smallest_run_usd,
    person.throttled_at, person.throttled_reason, person.throttled_until,
    person.throttled_at is not null and (person.throttled_until is null or person.throttled_until > present.now) as is_throttled_by_operator,
    case when person.is_unlimited then 'unlimited' else coalesce(plan.tier, 'free') end as tier,
    present.month, present.day, present.hour, present.now, present.paid_runs_per_hour,
    account.cost_budget_usd - account.cost_budget_held_usd as budget_usd
  from playground.users as person
  cross join present
  join playground.accounts as account using (account_id)
  left join (
    select subscription.account_id, price.tier
    from playground.subscriptions as subscription
    join playground.plan_prices as price using (plan_price)
    where subscription.ended_at is null
      and subscription.status in ('active', 'trialing')
      and subscription.periods > 0
  ) as plan using (account_id)
  where person.deleted_at is null
), limited as (
  select bounded.*,
    coalesce(tier.is_active, false) as is_active,
    coalesce(tier.is_unlimited and tier.is_active, false) as is_unlimited,
    coalesce(raised.monthly_cost_limit_usd, own.monthly_cost_limit_usd, tier.monthly_cost_limit_usd) as monthly_limit_usd,
    coalesce(raised.daily_cost_limit_usd, own.daily_cost_limit_usd, tier.daily_cost_limit_usd) as daily_limit_usd,
    coalesce(raised.concurrent_runs, own.concurrent_runs, tier.concurrent_runs) as concurrent_limit,
    coalesce(raised.runs_per_hour, own.runs_per_hour, tier.runs_per_hour) as runs_per_hour,
    coalesce(raised.runs_per_hour, own.runs_per_hour) is not null as has_own_runs,
    tier.throttle_on_exceed,
    coalesce(in_month.cost_usd + in_month.open_usd, 0) as month_window_usd,
    coalesce(in_day.cost_usd + in_day.open_usd, 0) as day_window_usd,
    coalesce(in_month.cost_usd + in_month.budget_usd, 0) as month_cost_usd,
    coalesce(in_day.cost_usd + in_day.budget_usd, 0) as day_cost_usd,
    coalesce(in_month.cost_usd + in_month.open_usd + in_month.budget_usd + in_month.budget_open_usd, 0) as month_total_usd,
    coalesce(in_hour.runs, 0) as hour_runs,
    coalesce(in_month.is_exempt, false) as is_month_exempt,
    coalesce(in_day.is_exempt, false) as is_day_exempt,
    coalesce(in_hour.is_exempt, false) as is_hour_exempt
  from bounded
  left join playground.tiers as tier on tier.tier = bounded.tier
  left join playground.user_limits as own on own.user_id = bounded.user_id and not own.is_temporary
  left join playground.user_limits as raised on raised.user_id = bounded.user_id and raised.is_temporary and raised.ends_at > bounded.now
  left join playground.cost_windows as in_month
    on in_month.user_id = bounded.user_id and in_month.kind = 'month' and in_month.starts_at = (select month from present)
  left join playground.cost_windows as in_day
    on in_day.user_id = bounded.user_id and in_day.kind = 'day' and in_day.starts_at = (select day from present)
  left join playground.cost_windows as in_hour
    on in_hour.user_id = bounded.user_id and in_hour.kind = 'hour' and in_hour.starts_at = (select hour from present)
), allowed as (
  select limited.*,
    case
      -- Few ask for all people: looked up by key for one of them, hashed for all.
      when not has_own_runs and exists (
        select
        from playground.grants as lots
        where lots.account_id = limited.account_id
          and lots.source = 'purchase'
          and lots.remaining > 0
          and lots.expired_at is null
      ) then greatest(runs_per_hour, paid_runs_per_hour)
      else runs_per_hour
    end as runs_limit
  from limited
), judged as (
  select allowed.*,
    case
      when is_unlimited or (
        not throttle_on_exceed and is_active and num_nulls(monthly_limit_usd, daily_limit_usd, runs_per_hour, concurrent_limit) = 0
      ) then null
      when not is_active or runs_per_hour is null or (hour_runs >= runs_limit and not is_hour_exempt) then 'runs_hour'
      -- Runs under way end; none allowed at once is none at all.
      when coalesce(concurrent_limit, 0) = 0 then 'runs_concurrent'
      -- A limit that was lowered below what is used takes nothing of the bought budget.
      when not is_month_exempt and greatest(0, coalesce(monthly_limit_usd, 0) - month_window_usd) + budget_usd < smallest_run_usd then 'cost_month'
      when not is_day_exempt and greatest(0, coalesce(daily_limit_usd, 0) - day_window_usd) + budget_usd < smallest_run_usd then 'cost_day'
    end as exhausted_limit,
    cost_cap_usd - month_total_usd < smallest_run_usd as is_cap_exhausted
  from allowed
)
select
  user_id,
  account_id,
  tier,
  is_unlimited,
  is_throttled_by_operator,
  throttled_reason,
  throttled_at,
  throttled_until,
  coalesce(exhausted_limit, case when is_cap_exhausted then 'own_cap' end) as exhausted_limit,
  case coalesce(exhausted_limit, case when is_cap_exhausted then 'own_cap' end)
    when 'runs_hour' then engine.window_end('hour', hour)
    when 'cost_day' then engine.window_end('day', day)
    when 'cost_month' then engine.window_end('month', month)
    when 'own_cap' then engine.window_end('month', month)
  end as exhausted_until,
  is_throttled_by_operator or exhausted_limit is not null or coalesce(is_cap_exhausted, false) as is_throttled,
  month_cost_usd,
  day_cost_usd,
  month_window_usd,
  day_window_usd,
  hour_runs,
  monthly_limit_usd,
  daily_limit_usd,
  runs_limit,
  concurrent_limit,
  cost_cap_usd,
  smallest_run_usd,
  -- Here, so that who looks for a person by address has one person judged, not all.
  email,
  created_at,
  is_active
from judged;
comment on view engine.user_standings is
  'Where each person stands now: tier, limits in force, use of the UTC month, day and hour (US dollars, runs), and whether they are throttled: by an operator, or because not even the smallest answer of the cheapest model fits a limit (exhausted_limit, until exhausted_until; null for runs_concurrent: none is allowed at once). month_cost_usd and day_cost_usd: ended runs, with what the bought budget paid; *_window_usd: what counts against the tier''s limits, open runs included.';
