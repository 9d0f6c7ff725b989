create or replace function admin.check_and_throttle_user(p_user_id uuid, p_cost numeric)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_credits record;
  v_limits record;
  v_refusal text;
begin
  if not coalesce(p_cost >= 0 and p_cost < 'Infinity', false) then
    perform engine.refuse('SCD02', 'A cost is an amount of US dollars.');
  end if;
  v_account := engine.touch_account_of(p_user_id);
  v_credits := engine.spendable(v_account.account_id, v_account.last_instant);
  v_limits := engine.check_run_limits(
    p_user_id, v_account.account_id, v_account.last_instant, v_credits.has_paid_credits,
    v_account.cost_budget_usd - v_account.cost_budget_held_usd
  );
  if v_limits.is_throttled then
    select refusal into v_refusal from engine.throttle_refusal(p_user_id, v_account.last_instant);
  elsif v_limits.is_exceeded
    or v_limits.total_room_usd < p_cost
    -- Limits that refuse nobody still alert.
    or (not v_limits.is_binding and v_limits.limit_source <> 'own_cap' and v_limits.room_usd < p_cost)
  then
    select refusal into v_refusal
    from engine.limit_refusal(
      p_user_id, v_account.last_instant, v_limits.limit_source, v_limits.used, v_limits.limit_value, v_limits.window_starts_at,
      v_limits.resets_at, v_limits.is_binding or v_limits.limit_source = 'own_cap', v_limits.total_room_usd
    );
  end if;
  return v_refusal is not null;
end $$;
comment on function admin.check_and_throttle_user(uuid, numeric) is
  'Whether a run of this highest cost (US dollars) would be refused now by a throttle or a limit; writes the alert that the first such refusal writes. Throttles nobody by itself: a smaller run may pass. Credits are not asked for. SCD02 for what is no cost, SCD04 for an unknown person.';
