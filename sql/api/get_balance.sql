create or replace function api.get_balance(p_user_id uuid)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts := engine.touch_user(p_user_id);
begin
  return (
    select json_build_object(
      'balance', v_account.last_balance,
      'held', coalesce(sum(held), 0),
      'suspended', coalesce(sum(suspended), 0),
      'available', coalesce(sum(greatest(0, remaining - held - suspended)) filter (where expired_at is null), 0),
      'costBudgetUsd', trim_scale(v_account.cost_budget_usd - v_account.cost_budget_held_usd),
      'monthly', json_build_object(
        'allocated', coalesce(sum(granted) filter (where is_current), 0),
        'used', coalesce(sum(granted - remaining) filter (where is_current), 0),
        'remaining', coalesce(sum(remaining) filter (where is_current), 0),
        'resetAt', engine.iso((
          select period_end from playground.subscriptions
          where account_id = v_account.account_id and ended_at is null and periods > 0))),
      'rollover', json_build_object(
        'amount', coalesce(sum(remaining) filter (where bucket = 'rollover'), 0),
        'expiresAt', engine.iso(min(expires_at) filter (where bucket = 'rollover' and remaining > 0 and expired_at is null))),
      'purchased', coalesce(sum(remaining) filter (where bucket = 'purchased'), 0),
      'breakdown', json_build_object(
        'monthly', coalesce(sum(remaining) filter (where bucket = 'monthly'), 0),
        'rollover', coalesce(sum(remaining) filter (where bucket = 'rollover'), 0),
        'purchased', coalesce(sum(remaining) filter (where bucket = 'purchased'), 0)),
      'nextExpiry', (
        select json_build_object('credits', sum(n.remaining - n.held), 'at', engine.iso(n.expires_at))
        from playground.grants n
        where n.account_id = v_account.account_id and n.expired_at is null and n.expires_at is not null and n.remaining > n.held
        group by n.expires_at
        order by n.expires_at
        limit 1))
    from (
      select *, bucket = 'monthly' and expired_at is null as is_current
      from playground.grants
      where account_id = v_account.account_id) as g);
end $$;
comment on function api.get_balance(uuid) is
  'GET /playground/credits. Credits by bucket, held and suspended included in the balance; costBudgetUsd in US dollars. Catches the account up first. SCA02 when the user is unknown.';
