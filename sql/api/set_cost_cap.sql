create or replace function api.set_cost_cap(p_user_id uuid, p_monthly_usd numeric)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_limits record;
  v_used record;
  v_most_usd numeric;
begin
  if not engine.is_amount(p_monthly_usd, 6) then
    perform engine.refuse_field('monthlyUsd', 'must be from 0 to below 100000000, with at most 6 decimals');
  end if;
  v_account := engine.touch_user(p_user_id);
  v_limits := engine.limits_of(
    p_user_id, engine.tier_of(p_user_id), (select has_own_limits from playground.users where user_id = p_user_id), v_account.last_instant);
  v_used := engine.window_use(p_user_id, v_account.last_instant);
  -- All that this month could come to: the limit, what is left of the bought budget, and what it has paid already.
  v_most_usd := coalesce(v_limits.monthly_usd, 0) + v_account.cost_budget_usd - v_account.cost_budget_held_usd
    + v_used.month_total_usd - v_used.month_usd;
  -- Where limits refuse nobody, the cap is the only one that holds.
  if p_monthly_usd >= v_most_usd and not v_limits.is_unlimited and not v_limits.is_shadow then
    perform engine.refuse_field('monthlyUsd', format('must be lower than %s, which is your limit already', trim_scale(v_most_usd)));
  end if;
  update playground.users
  set cost_cap_usd = p_monthly_usd
  where user_id = p_user_id;
  return json_build_object(
    'monthlyUsd', trim_scale(p_monthly_usd),
    'tierMonthlyUsd', case when not v_limits.is_unlimited then trim_scale(coalesce(v_limits.monthly_usd, 0)) end,
    'monthUsedUsd', trim_scale(v_used.month_total_usd),
    'resetsAt', engine.iso(engine.window_end('month', date_trunc('month', v_account.last_instant, 'UTC'))));
end $$;
comment on function api.set_cost_cap(uuid, numeric) is
  'PUT /playground/cost-cap. A person''s own cap on the API cost of a calendar month (UTC), bought budget included, in US dollars; null removes it. It holds for new runs at once, also in the tier without limits. SCV01 when it is negative, has more than 6 decimals, or is not lower than the limit that holds anyway. SCA02.';
