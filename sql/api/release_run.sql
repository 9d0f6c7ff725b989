create or replace function api.release_run(
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
) returns table (released boolean)
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
begin
  if p_outcome is null or p_outcome not in ('provider_refused', 'provider_timed_out', 'provider_empty', 'provider_broke', 'not_called') then
    perform engine.refuse_field('outcome', 'is not a failure of a provider');
  end if;
  released := v_hold.status = 'released';
  if v_hold.status = 'open' then
    perform engine.end_hold(
      v_hold, 'released', p_outcome, v_instant, v_instant, coalesce(p_answer, ''),
      p_input_tokens, p_output_tokens, p_cache_read_tokens, p_cache_write_tokens,
      p_answered_model, p_stop_reason, p_duration_ms, p_is_simulated);
    -- What arrived before a break was shown: it stays in the conversation, marked incomplete.
    if p_answer <> '' then
      perform engine.append_exchange(v_hold, p_user_input, p_answer, false, 0, v_instant);
    end if;
    released := true;
  end if;
  return next;
end $$;
comment on function api.release_run(uuid, uuid, text, text, text, bigint, bigint, bigint, bigint, text, text, integer, boolean, uuid) is
  'POST /playground/run, when the provider failed (p_outcome provider_refused, provider_timed_out, provider_empty, provider_broke, not_called): charges nothing, records usage and cost unless the provider was not called. A repeat returns the first result. SCA02, SCH01, SCV01.';
