create or replace function api.settle_run(
  p_user_id uuid,
  p_hold_id uuid,
  p_outcome text,
  p_user_input text,
  p_answer text,
  p_input_tokens bigint,
  p_output_tokens bigint,
  p_cache_read_tokens bigint,
  p_cache_write_tokens bigint,
  p_answered_model text,
  p_stop_reason text,
  p_duration_ms integer,
  p_is_simulated boolean,
  p_account_id uuid default null
) returns table (status integer, body text, charged bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- All is looked up by key, also in tables that are so often emptied that the planner takes them for empty.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_account playground.accounts := engine.touch_user(p_user_id, p_account_id);
  v_instant timestamptz := v_account.last_instant;
  v_hold playground.holds := engine.find_hold(v_account.account_id, p_user_id, p_hold_id);
  v_end record;
begin
  if p_outcome is null or p_outcome not in ('completed', 'client_gone') then
    perform engine.refuse_field('outcome', 'must be completed or client_gone');
  end if;
  status := 200;
  if v_hold.status = 'open' then
    v_end := engine.end_hold(
      v_hold, 'settled', p_outcome, v_instant, v_instant, p_answer,
      p_input_tokens, p_output_tokens, p_cache_read_tokens, p_cache_write_tokens,
      p_answered_model, p_stop_reason, p_duration_ms, p_is_simulated);
    perform engine.append_exchange(v_hold, p_user_input, p_answer, p_outcome = 'completed', v_end.charged, v_instant);
    charged := v_end.charged;
    body := engine.run_body(
      v_hold.hold_id, v_hold.session_id, p_answer, v_end.charged, v_end.balance_after,
      v_end.input_tokens, v_end.output_tokens, v_end.cache_read_tokens, v_end.cache_write_tokens, v_end.cost_usd,
      p_duration_ms, v_hold.model, p_stop_reason, p_is_simulated);
    if v_hold.idempotency_key is not null then
      perform engine.keep_answer(v_hold, p_outcome = 'completed' or charged > 0, 200, body, v_instant);
    end if;
  else
    if v_hold.outcome = 'abandoned' then
      perform engine.settle_late(
        v_hold, v_instant, p_outcome, p_user_input, p_answer, p_input_tokens, p_output_tokens, p_cache_read_tokens, p_cache_write_tokens,
        p_answered_model, p_stop_reason, p_duration_ms, p_is_simulated);
    end if;
    if v_hold.outcome = 'not_called' then
      perform engine.refuse('SCH02', 'This run was given back before a model was called.');
    end if;
    charged := coalesce(v_hold.charged, 0);
    body := engine.result_of(v_hold);
    if body is null then
      perform engine.refuse('SCH02', 'This run is over, and what it used is not kept any more.');
    end if;
  end if;
  return next;
end $$;
comment on function api.settle_run(uuid, uuid, text, text, text, bigint, bigint, bigint, bigint, text, text, integer, boolean, uuid) is
  'POST /playground/run, after the model call (p_outcome completed or client_gone): charge, usage, windows, alerts, conversation, one transaction. Tokens by class as reported, null when not; charged in credits. p_account_id: who pays, as reserved. A repeat returns the first result; after the hold expired nothing is charged and the answer is kept. SCA02, SCH01, SCH02, SCV01.';
