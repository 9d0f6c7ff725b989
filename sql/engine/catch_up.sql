create or replace function engine.catch_up(p_account_id uuid, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_due record;
  v_is_owing boolean;
begin
  loop
    -- One after the other in the order in which they fell due, so that a late call and a punctual one write the same
    -- ledger. At one instant: holds give back first, then a period changes (and rolls over), then the rest expires.
    select * into v_due
    from (
      select expires_at as due_at, 1 as rank, hold_id as id, null::bigint as grant_id, null::timestamptz as anchor, null::integer as periods
      from playground.holds
      where account_id = p_account_id and status = 'open' and expires_at <= p_instant
      union all
      select least(period_end, ends_at), case when ends_at <= period_end then 2 else 3 end, subscription_id, null, anchor, periods
      from playground.subscriptions
      where account_id = p_account_id and ended_at is null and source = 'operator' and least(period_end, ends_at) <= p_instant
      union all
      -- A plan of Stripe begins and ends by Stripe's word only; when it is past due, its grace credits are suspended.
      select suspend_at, 5, subscription_id, null, null, null
      from playground.subscriptions
      where account_id = p_account_id and ended_at is null and suspend_at <= p_instant
      union all
      select expires_at, 4, null, grant_id, null, null
      from playground.grants
      where account_id = p_account_id and expired_at is null and expires_at <= p_instant
    ) as due
    order by due_at, rank, id, grant_id
    limit 1;
    exit when not found;

    case v_due.rank
      when 1 then
        perform engine.expire_hold(p_account_id, v_due.id, p_instant, v_due.due_at);
      when 2 then
        perform engine.end_subscription(p_account_id, v_due.id, p_instant, v_due.due_at);
      when 3 then
        if not engine.start_period(
          p_account_id, v_due.id, v_due.due_at, engine.month_after(v_due.anchor, v_due.periods + 1),
          engine.month_after(v_due.anchor, v_due.periods + 1), p_instant, v_due.due_at)
        then
          raise integrity_constraint_violation using
            message = format('The period of subscription %s from %s overlaps a confirmed one.', v_due.id, v_due.due_at);
        end if;
      when 5 then
        perform engine.suspend_grace(p_account_id, v_due.id, p_instant);
      else
        perform engine.expire_grant(p_account_id, v_due.grant_id, p_instant, v_due.due_at);
    end case;
  end loop;

  update playground.accounts
  set next_due_at = engine.next_due_at(p_account_id), last_instant = p_instant
  where account_id = p_account_id
  returning is_owing into v_is_owing;
  if v_is_owing then
    perform engine.settle_debts(p_account_id, p_instant);
  end if;
end $$;
comment on function engine.catch_up(uuid, timestamptz) is
  'Does everything that fell due on an account up to the instant, each with the instant at which it fell due. The account is locked by the caller.';
