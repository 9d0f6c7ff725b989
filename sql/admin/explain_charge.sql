create or replace function admin.explain_charge(p_account_id uuid, p_number bigint default null, p_hold_id uuid default null)
returns table (
  explanation text,
  number bigint,
  hold_id uuid,
  user_id uuid,
  status text,
  outcome text,
  reserved_at timestamptz,
  closed_at timestamptz,
  model text,
  answered_model text,
  tier text,
  package text,
  is_custom_prompt boolean,
  input_tokens bigint,
  output_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  tokens bigint,
  usage_source text,
  input_tokens_estimated integer,
  max_output_tokens integer,
  tokens_beyond_hold bigint,
  tokens_per_credit integer,
  steps bigint,
  multiplier numeric,
  credits_due bigint,
  credits_held bigint,
  credits_charged bigint,
  balance_after bigint,
  grants jsonb,
  price_effective_from timestamptz,
  input_usd_per_million numeric,
  output_usd_per_million numeric,
  cache_read_usd_per_million numeric,
  cache_write_usd_per_million numeric,
  cost_held_usd numeric,
  cost_usd numeric,
  budget_usd numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hold playground.holds;
begin
  if num_nonnulls(p_number, p_hold_id) <> 1 then
    perform engine.refuse('SCD02', 'Name a line of the history by its number, or a run by its id: p_hold_id => …');
  end if;
  select h.* into v_hold
  from playground.holds h
  where h.account_id = p_account_id
    and h.hold_id = coalesce(p_hold_id, (
      select t.hold_id
      from playground.transactions t
      where t.account_id = p_account_id and t.number = p_number and t.type = 'spend'));
  if not found then
    perform engine.refuse('SCD04', 'There is no such run of this account; only lines of type spend have one.');
  end if;
  return query select * from engine.explained_charge(v_hold);
end $$;
comment on function admin.explain_charge(uuid, bigint, uuid) is
  'When somebody asks why a run cost what it did: select * from admin.explain_charge(account, number) \gx, or p_hold_id => the id of the run''s answer. One row: the reckoning in words; tokens by class, their estimate and what the hold did not cover; steps of tokens_per_credit, multiplier, credits due, held and charged; which grants were held and paid how many credits (bucket, source, expiry), in burn order; the prices in US dollars per million tokens, the cost held and final, and the part that the bought cost budget paid, in US dollars. Figures of the model call are null while it runs and when its usage is not kept any more. SCD02, SCD04 when unknown.';
