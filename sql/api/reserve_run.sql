create or replace function api.reserve_run(
  p_user_id uuid,
  p_package text,
  p_package_version text,
  p_user_input text,
  p_model text,
  p_session_id uuid,
  p_use_no_prompt boolean,
  p_custom_prompt text,
  p_temperature numeric,
  p_api_key_hash bytea,
  p_idempotency_key text
) returns table (
  refusal text, refusal_message text, refusal_detail json,
  replay_status integer, replay_body text,
  hold_id uuid, session_id uuid, model text, provider text, provider_model text,
  prompt text, history json, max_output_tokens integer, max_credits bigint, deadline_ms integer, account_id uuid)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- All is looked up by key, also in tables that are so often emptied that the planner takes them for empty.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_account playground.accounts;
  v_instant timestamptz;
  v_answer record;
  v_run record;
  v_credits record;
  v_limits record;
  v_size record;
  v_fingerprint bytea;
begin
  if not engine.is_run_request(p_user_input, p_custom_prompt, p_temperature, p_idempotency_key) then
    perform engine.refuse_run_request(p_user_input, p_custom_prompt, p_temperature);
  end if;
  v_account := engine.touch_user(p_user_id);
  v_instant := v_account.last_instant;
  if p_api_key_hash is not null then
    perform engine.check_api_key(p_user_id, p_api_key_hash, v_instant);
  end if;

  -- A repeat is answered before anything else may refuse it.
  if p_idempotency_key is not null then
    v_fingerprint := engine.fingerprint(
      p_package, p_package_version, p_user_input, p_model, p_session_id::text, p_use_no_prompt::text, p_custom_prompt, p_temperature::text);
    v_answer := engine.find_answer(p_user_id, 'run', p_idempotency_key, v_fingerprint, v_instant);
    if v_answer.status is not null then
      replay_status := v_answer.status;
      replay_body := v_answer.body;
      return next;
      return;
    end if;
  end if;

  v_run := engine.measure_run(
    p_user_id, p_package, p_package_version, p_user_input, p_model, p_session_id, p_use_no_prompt, p_custom_prompt, v_instant);

  v_credits := engine.spendable(v_account.account_id, v_instant);
  v_limits := engine.check_run_limits(
    p_user_id, v_account.account_id, v_instant, v_credits.has_paid_credits, v_account.cost_budget_usd - v_account.cost_budget_held_usd);
  if v_limits.is_throttled then
    select * into refusal, refusal_message, refusal_detail from engine.throttle_refusal(p_user_id, v_instant);
    return next;
    return;
  end if;

  v_size := engine.size_run(
    v_credits.available, v_run.multiplier, v_run.tokens_per_credit, v_run.input_tokens, v_run.max_output_tokens, v_run.min_output_tokens,
    v_run.input_price, v_run.output_price, v_limits.total_room_usd);
  -- Who is refused by a limit anyway asks for no room below the ceiling.
  select * into refusal, refusal_message, refusal_detail
  from engine.provider_refusal(
    v_run.provider, v_run.model, v_instant, case when not (v_limits.is_exceeded and v_limits.is_binding) then v_size.highest_cost_usd end);
  if refusal is not null then
    return next;
    return;
  end if;
  if v_limits.is_exceeded or v_size.lacks_room or (
    not v_limits.is_binding and v_limits.limit_source <> 'own_cap' and v_limits.room_usd < v_size.highest_cost_usd)
  then
    select * into refusal, refusal_message, refusal_detail
    from engine.limit_refusal(
      p_user_id, v_instant, v_limits.limit_source, v_limits.used, v_limits.limit_value, v_limits.window_starts_at, v_limits.resets_at,
      v_limits.is_binding or v_limits.limit_source = 'own_cap', v_limits.total_room_usd);
  end if;
  if refusal is null and v_size.credits is null then
    select * into refusal, refusal_message, refusal_detail from engine.credit_refusal(v_size.required, v_credits.available);
  end if;
  if refusal is null then
    hold_id := gen_random_uuid();
    session_id := coalesce(p_session_id, gen_random_uuid());
    perform engine.place_hold(
      v_account.account_id, hold_id, p_user_id, v_instant, v_run, v_credits, v_size.credits, v_size.output_cap::integer, v_limits.tier,
      case when v_limits.is_binding then least(v_limits.room_usd, v_size.highest_cost_usd) else v_size.highest_cost_usd end, v_size.highest_cost_usd,
      session_id, p_session_id is null, coalesce(p_use_no_prompt, false), p_custom_prompt is not null, p_idempotency_key, v_fingerprint);
    model := v_run.model;
    provider := v_run.provider;
    provider_model := v_run.provider_model;
    prompt := v_run.prompt;
    history := v_run.history;
    max_output_tokens := v_size.output_cap;
    max_credits := v_size.credits;
    deadline_ms := extract(epoch from v_run.hold_lifetime - v_run.hold_margin) * 1000;
    account_id := v_account.account_id;
  end if;
  return next;
end $$;
comment on function api.reserve_run(uuid, text, text, text, text, uuid, boolean, text, numeric, bytea, text) is
  'POST /playground/run, before the model call: one transaction under the account''s lock that authenticates an API key (sha256), replays, catches up, prices, sizes and holds. p_package: id or name. p_temperature: 0 to 1. Returned refusals: SCT01, SCM02 (provider), SCT02, SCC01; raised: SCA01, SCA02, SCV01, SCI01, SCI02, SCP01, SCS01, SCM01, SCM02 (model), SCR01. Credits; deadline in milliseconds.';
