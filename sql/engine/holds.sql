-- A hold: made by reserve, ended once, by settle, release or its own expiry.

create or replace function engine.place_hold(
  p_account_id uuid, p_hold_id uuid, p_user_id uuid, p_instant timestamptz, p_run record, p_spendable record,
  p_credits bigint, p_output_cap integer, p_tier text, p_cost_held_usd numeric, p_highest_cost_usd numeric,
  p_session_id uuid, p_is_new_session boolean, p_is_comparison boolean, p_is_custom_prompt boolean, p_idempotency_key text, p_fingerprint bytea)
returns void
language plpgsql volatile
as $$
declare
  v_expires_at timestamptz := p_instant + p_run.hold_lifetime;
  v_budget_held_usd numeric := p_highest_cost_usd - p_cost_held_usd;
  v_left bigint := p_credits;
  v_part bigint;
begin
  perform engine.count_run(p_user_id, p_instant, p_cost_held_usd, v_budget_held_usd);
  insert into playground.holds (
    account_id, hold_id, user_id, status, credits, tier, model, price_effective_from, multiplier, tokens_per_credit,
    input_tokens_estimated, max_output_tokens, cost_held_usd, budget_held_usd, package_id, package_version, is_comparison, is_custom_prompt,
    session_id, is_new_session, idempotency_key, reserved_at, expires_at)
  values (
    p_account_id, p_hold_id, p_user_id, 'open', p_credits, p_tier, p_run.model, p_run.price_effective_from, p_run.multiplier, p_run.tokens_per_credit,
    p_run.input_tokens, p_output_cap, p_cost_held_usd, v_budget_held_usd, p_run.package_id, p_run.package_version, p_is_comparison, p_is_custom_prompt,
    p_session_id, p_is_new_session, p_idempotency_key, p_instant, v_expires_at);

  for v_i in 1 .. cardinality(p_spendable.grant_ids) loop
    v_part := least(v_left, p_spendable.free[v_i]);
    insert into playground.hold_parts (account_id, hold_id, position, grant_id, credits)
    values (p_account_id, p_hold_id, v_i, p_spendable.grant_ids[v_i], v_part);
    update playground.grants
    set held = held + v_part
    where account_id = p_account_id and grant_id = p_spendable.grant_ids[v_i];
    v_left := v_left - v_part;
    exit when v_left = 0;
  end loop;

  if p_idempotency_key is not null then
    insert into playground.answers (user_id, operation, idempotency_key, created_at, hold_id, fingerprint, state)
    values (p_user_id, 'run', p_idempotency_key, p_instant, p_hold_id, p_fingerprint, 'running');
  end if;
  update playground.accounts
  set last_instant = p_instant, next_due_at = least(next_due_at, v_expires_at), cost_budget_held_usd = cost_budget_held_usd + v_budget_held_usd
  where account_id = p_account_id;
end $$;
comment on function engine.place_hold(uuid, uuid, uuid, timestamptz, record, record, bigint, integer, text, numeric, numeric, uuid, boolean, boolean, boolean, text, bytea) is
  'Makes the hold of a run (p_run: engine.measure_run, p_spendable: engine.spendable): credits from the grants in burn order, cost (US dollars) in the windows and in the bought cost budget. The account is locked by the caller, who saw that they suffice.';

create or replace function engine.return_credits(
  p_account_id uuid, p_hold_id uuid, p_charge bigint, p_instant timestamptz, p_effective_at timestamptz,
  p_user_id uuid, p_session_id uuid, p_description text,
  out number bigint, out balance_after bigint)
language plpgsql volatile
as $$
declare
  v_part record;
  v_grant_ids bigint[];
  v_held bigint[];
  v_amounts bigint[];
  v_left bigint := p_charge;
  v_line record;
  v_has_expired_rest boolean;
  v_grant_id bigint;
begin
  for v_part in
    select grant_id, credits
    from playground.hold_parts
    where account_id = p_account_id and hold_id = p_hold_id
    order by position
  loop
    v_grant_ids := v_grant_ids || v_part.grant_id;
    v_held := v_held || v_part.credits;
  end loop;

  if p_charge > 0 then
    for v_i in 1 .. cardinality(v_held) loop
      v_amounts[v_i] := -least(v_left, v_held[v_i]);
      v_left := v_left + v_amounts[v_i];
    end loop;
    v_line := engine.post_transaction(
      p_account_id, p_instant, p_effective_at, 'spend', p_description, v_grant_ids, v_amounts, v_held,
      p_user_id, p_hold_id, p_session_id);
    number := v_line.number;
    balance_after := v_line.balance_after;
    v_has_expired_rest := v_line.has_expired_rest;
  else
    for v_i in 1 .. cardinality(v_held) loop
      update playground.grants
      set held = held - v_held[v_i]
      where account_id = p_account_id and grant_id = v_grant_ids[v_i]
      returning coalesce(v_has_expired_rest, false) or (expired_at is not null and remaining > held) into strict v_has_expired_rest;
    end loop;
    update playground.accounts set last_instant = p_instant where account_id = p_account_id returning last_balance into strict balance_after;
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
    select last_balance into strict balance_after from playground.accounts where account_id = p_account_id;
  end if;
end $$;
comment on function engine.return_credits(uuid, uuid, bigint, timestamptz, timestamptz, uuid, uuid, text) is
  'Ends the credit side of a hold: p_charge credits are spent in burn order, the rest goes back to the grants it came from, and expires at once where those have expired.';

create or replace function engine.expire_hold(p_account_id uuid, p_hold_id uuid, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_hold playground.holds;
begin
  select * into strict v_hold from playground.holds where account_id = p_account_id and hold_id = p_hold_id;
  perform engine.end_hold(v_hold, 'expired', 'abandoned', p_instant, p_effective_at);
end $$;
comment on function engine.expire_hold(uuid, uuid, timestamptz, timestamptz) is
  'Ends a hold nobody settled: charges nothing, records usage `abandoned` with at least the input''s cost, frees its Idempotency-Key.';
