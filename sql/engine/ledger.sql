-- The one writer of transactions, their parts and what remains of a grant. Nothing else changes credits.

create or replace function engine.post_transaction(
  p_account_id uuid,
  p_instant timestamptz,
  p_effective_at timestamptz,
  p_type text,
  p_description text,
  p_grant_ids bigint[],
  p_amounts bigint[],
  p_returned bigint[] default null,
  p_user_id uuid default null,
  p_hold_id uuid default null,
  p_session_id uuid default null,
  p_purchase_id uuid default null,
  p_metadata jsonb default null,
  p_budget_usd numeric default 0,
  out number bigint,
  out balance_after bigint,
  out has_expired_rest boolean
)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_amount bigint := 0;
  v_effective_at timestamptz;
begin
  for v_i in 1 .. cardinality(p_amounts) loop
    v_amount := v_amount + p_amounts[v_i];
  end loop;

  update playground.accounts
  set last_number = last_number + 1,
    last_balance = last_balance + v_amount,
    last_instant = p_instant,
    last_effective_at = greatest(last_effective_at, p_effective_at),
    cost_budget_usd = cost_budget_usd + p_budget_usd
  where account_id = p_account_id
  returning last_number, last_balance, last_effective_at into strict post_transaction.number, post_transaction.balance_after, v_effective_at;

  insert into playground.transactions (
    account_id, number, type, amount, balance_after, description, metadata,
    user_id, hold_id, session_id, purchase_id, posted_at, effective_at)
  values (
    p_account_id, post_transaction.number, p_type, v_amount, post_transaction.balance_after, p_description, p_metadata,
    p_user_id, p_hold_id, p_session_id, p_purchase_id, p_instant, v_effective_at);
  insert into rollup.ledger_changes values (p_account_id, post_transaction.number);

  has_expired_rest := false;
  for v_i in 1 .. cardinality(p_grant_ids) loop
    if p_amounts[v_i] <> 0 then
      insert into playground.transaction_parts (account_id, number, grant_id, amount)
      values (p_account_id, post_transaction.number, p_grant_ids[v_i], p_amounts[v_i]);
    end if;
    update playground.grants
    set remaining = remaining + p_amounts[v_i],
      held = held - coalesce(p_returned[v_i], 0),
      suspended = least(suspended, remaining + p_amounts[v_i]),
      unavailable_until = case when suspended > remaining + p_amounts[v_i] then p_instant else unavailable_until end,
      last_number = case when p_amounts[v_i] <> 0 then post_transaction.number else last_number end
    where account_id = p_account_id and grant_id = p_grant_ids[v_i]
    returning has_expired_rest or (expired_at is not null and remaining > held) into strict has_expired_rest;
  end loop;
end $$;
comment on function engine.post_transaction(uuid, timestamptz, timestamptz, text, text, bigint[], bigint[], bigint[], uuid, uuid, uuid, uuid, jsonb, numeric) is
  'Posts one line of the credit history with its parts: p_amounts credits are added to p_grant_ids, p_returned held credits are given back, p_budget_usd (US dollars) to the bought cost budget. effective_at is never earlier than that of the line before. The account is locked by the caller.';

create or replace function engine.add_grant(
  p_account_id uuid,
  p_instant timestamptz,
  p_effective_at timestamptz,
  p_bucket text,
  p_source text,
  p_credits bigint,
  p_type text,
  p_description text,
  p_expires_at timestamptz default null,
  p_user_id uuid default null,
  p_metadata jsonb default null,
  p_subscription_id uuid default null,
  p_purchase_id uuid default null,
  p_from_grant_id bigint default null,
  p_budget_usd numeric default 0
) returns bigint
language plpgsql volatile
as $$
declare
  v_grant_id bigint;
begin
  insert into playground.grants (
    account_id, bucket, source, granted, remaining, expires_at, granted_at, last_number, subscription_id, purchase_id, from_grant_id)
  values (p_account_id, p_bucket, p_source, p_credits, 0, p_expires_at, p_effective_at, 0, p_subscription_id, p_purchase_id, p_from_grant_id)
  returning grant_id into v_grant_id;

  if p_expires_at is not null then
    update playground.accounts
    set next_due_at = least(next_due_at, p_expires_at)
    where account_id = p_account_id and next_due_at > p_expires_at;
  end if;

  return (engine.post_transaction(
    p_account_id, p_instant, p_effective_at, p_type, p_description,
    case when p_from_grant_id is null then array[v_grant_id] else array[p_from_grant_id, v_grant_id] end,
    case when p_from_grant_id is null then array[p_credits] else array[-p_credits, p_credits] end,
    p_user_id => p_user_id, p_metadata => p_metadata, p_purchase_id => p_purchase_id, p_budget_usd => p_budget_usd)).number;
end $$;
comment on function engine.add_grant(uuid, timestamptz, timestamptz, text, text, bigint, text, text, timestamptz, uuid, jsonb, uuid, uuid, bigint, numeric) is
  'Makes a grant of p_credits and posts it; with p_from_grant_id the credits move from that grant (rollover). Returns the transaction''s number. The account is locked by the caller.';

create or replace function engine.expire_grant(p_account_id uuid, p_grant_id bigint, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_unheld bigint;
  v_bucket text;
begin
  update playground.grants
  set expired_at = coalesce(expired_at, p_effective_at)
  where account_id = p_account_id and grant_id = p_grant_id
  returning remaining - held, bucket into v_unheld, v_bucket;

  if v_unheld > 0 then
    perform engine.post_transaction(
      p_account_id, p_instant, p_effective_at, 'expire', initcap(v_bucket) || ' credits expired',
      array[p_grant_id], array[-v_unheld]);
  end if;
end $$;
comment on function engine.expire_grant(uuid, bigint, timestamptz, timestamptz) is
  'Marks a grant expired and posts what is unheld of it; what a hold returns later is posted by calling this again.';
