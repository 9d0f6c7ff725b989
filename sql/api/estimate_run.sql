create or replace function api.estimate_run(
  p_user_id uuid,
  p_package text,
  p_package_version text,
  p_user_input text,
  p_model text,
  p_session_id uuid,
  p_use_no_prompt boolean,
  p_custom_prompt text
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- All is looked up by key, also in tables that are so often emptied that the planner takes them for empty.
set enable_seqscan = off
as $$
declare
  v_account playground.accounts;
  v_run record;
  v_credits record;
  v_limits record;
  v_size record;
  v_highest bigint;
  v_refused record;
begin
  if not engine.is_run_request(p_user_input, p_custom_prompt, null, null) then
    perform engine.refuse_run_request(p_user_input, p_custom_prompt, null);
  end if;
  v_account := engine.touch_user(p_user_id);
  v_run := engine.measure_run(
    p_user_id, p_package, p_package_version, p_user_input, p_model, p_session_id, p_use_no_prompt, p_custom_prompt, v_account.last_instant);
  v_credits := engine.spendable(v_account.account_id, v_account.last_instant);
  v_limits := engine.check_run_limits(
    p_user_id, v_account.account_id, v_account.last_instant, v_credits.has_paid_credits, v_account.cost_budget_usd - v_account.cost_budget_held_usd);
  v_size := engine.size_run(
    v_credits.available, v_run.multiplier, v_run.tokens_per_credit, v_run.input_tokens, v_run.max_output_tokens, v_run.min_output_tokens,
    v_run.input_price, v_run.output_price, v_limits.total_room_usd);
  select * into v_refused
  from engine.provider_refusal(
    v_run.provider, v_run.model, v_account.last_instant,
    case when not (v_limits.is_exceeded and v_limits.is_binding) then v_size.highest_cost_usd end);
  if v_refused.refusal is not null then
    perform engine.refuse(v_refused.refusal, v_refused.refusal_message, v_refused.refusal_detail);
  end if;
  -- What cannot run now is shown at its full length, so that a person knows what to buy.
  v_highest := coalesce(
    v_size.credits, engine.credits_for(v_run.input_tokens + v_run.max_output_tokens, v_run.multiplier, v_run.tokens_per_credit));
  return json_build_object(
    'estimatedTokens', v_run.input_tokens,
    'estimatedCredits', least(v_highest, engine.credits_for(
      v_run.input_tokens + greatest(v_run.min_output_tokens, v_run.typical_output_tokens), v_run.multiplier, v_run.tokens_per_credit)),
    'maxCredits', v_highest,
    'canAfford', v_size.credits is not null and not (v_limits.is_exceeded and v_limits.is_binding) and not v_limits.is_throttled,
    'balance', v_account.last_balance,
    'model', v_run.model);
end $$;
comment on function api.estimate_run(uuid, text, text, text, text, uuid, boolean, text) is
  'POST /playground/estimate: estimated input tokens, likely and highest credits, and whether a run would start now. SCA02, SCV01, SCP01, SCS01, SCM01, SCM02, SCR01.';
