-- A hold: made by reserve, ended once, by settle, release or its own expiry.

create or replace function engine.take_credits(p_account_id uuid, p_hold_id uuid, p_credits bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  with open_grant as (
    select grant_id, free, sum(free) over burn_order - free as before
    from (
      select grant_id, bucket, expires_at, granted_at, remaining - held - suspended as free
      from playground.grants
      where account_id = p_account_id and remaining - held - suspended > 0 and expired_at is null and (expires_at > p_instant or expires_at is null)
    ) as available
    window burn_order as (order by engine.burn_rank(bucket), expires_at nulls last, granted_at, grant_id)
  ), part as (
    insert into playground.hold_parts (account_id, hold_id, grant_id, credits)
    select p_account_id, p_hold_id, grant_id, least(free, p_credits - before)
    from open_grant
    where before < p_credits
    returning grant_id, credits
  )
  update playground.grants g
  set held = g.held + part.credits
  from part
  where g.account_id = p_account_id and g.grant_id = part.grant_id;
end $$;
comment on function engine.take_credits(uuid, uuid, bigint, timestamptz) is
  'Holds credits of the account''s grants in burn order: monthly, rollover, purchased; soonest expiry, then oldest. The caller locked the account and saw that they suffice.';

create or replace function engine.return_credits(
  p_account_id uuid, p_hold_id uuid, p_charge bigint, p_instant timestamptz, p_effective_at timestamptz,
  p_user_id uuid, p_session_id uuid, p_description text, p_metadata jsonb,
  out number bigint, out balance_after bigint)
language plpgsql volatile
as $$
declare
  v_grant_ids bigint[];
  v_taken bigint[];
  v_held bigint[];
  v_has_expired_rest boolean;
  v_grant_id bigint;
begin
  select array_agg(grant_id), array_agg(-least(credits, greatest(0, p_charge - before))), array_agg(credits)
  into v_grant_ids, v_taken, v_held
  from (
    select grant_id, p.credits,
      sum(p.credits) over (order by engine.burn_rank(bucket), expires_at nulls last, granted_at, grant_id) - p.credits as before
    from playground.hold_parts p
    join playground.grants g using (account_id, grant_id)
    where p.account_id = p_account_id and p.hold_id = p_hold_id
  ) as part;

  if p_charge > 0 then
    select t.number, t.balance_after, t.has_expired_rest into number, balance_after, v_has_expired_rest
    from engine.post_transaction(
      p_account_id, p_instant, p_effective_at, 'spend', p_description, v_grant_ids, v_taken, v_held,
      p_user_id, p_hold_id, p_session_id, null, p_metadata) as t;
  else
    with returned as (
      update playground.grants g
      set held = g.held - p.credits
      from unnest(v_grant_ids, v_held) as p (grant_id, credits)
      where g.account_id = p_account_id and g.grant_id = p.grant_id
      returning g.expired_at is not null and g.remaining > g.held as has_expired_rest
    ), tail as (
      update playground.accounts set last_instant = p_instant where account_id = p_account_id returning last_balance
    )
    select bool_or(returned.has_expired_rest), (select last_balance from tail) into v_has_expired_rest, balance_after from returned;
  end if;

  if v_has_expired_rest then
    for v_grant_id in
      select grant_id
      from playground.grants
      where account_id = p_account_id and grant_id = any (v_grant_ids) and expired_at is not null and remaining > held
      order by grant_id
    loop
      perform engine.expire_grant(p_account_id, v_grant_id, p_instant, p_effective_at);
    end loop;
  end if;
end $$;
comment on function engine.return_credits(uuid, uuid, bigint, timestamptz, timestamptz, uuid, uuid, text, jsonb) is
  'Ends the credit side of a hold: p_charge credits are spent in burn order, the rest goes back to the grants it came from, and expires at once where those have expired.';

create or replace function engine.expire_hold(p_account_id uuid, p_hold_id uuid, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_hold playground.holds;
  v_end record;
begin
  select * into strict v_hold from playground.holds where account_id = p_account_id and hold_id = p_hold_id;
  v_end := engine.end_hold(v_hold, 'expired', 'abandoned', p_instant, p_effective_at);
end $$;
comment on function engine.expire_hold(uuid, uuid, timestamptz, timestamptz) is
  'Ends a hold nobody settled: charges nothing, records usage `abandoned` with at least the input''s cost, frees its Idempotency-Key.';
