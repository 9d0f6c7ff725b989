create or replace function engine.is_run_request(p_user_input text, p_custom_prompt text, p_temperature numeric, p_idempotency_key text)
returns boolean
language sql immutable
as $$
  select p_user_input <> '' is true and p_custom_prompt <> '' is not false and p_temperature between 0 and 1 is not false
    and p_idempotency_key ~ '^[ -~]{1,255}$' is not false
$$;
comment on function engine.is_run_request(text, text, numeric, text) is 'Whether the fields of a run are within their range.';

create or replace function engine.refuse_run_request(p_user_input text, p_custom_prompt text, p_temperature numeric)
returns void
language plpgsql volatile
as $$
begin
  if coalesce(p_user_input, '') = '' then
    perform engine.refuse_field('userInput', 'must not be empty');
  elsif p_custom_prompt = '' then
    perform engine.refuse_field('customPrompt', 'must not be empty');
  elsif p_temperature not between 0 and 1 then
    perform engine.refuse_field('temperature', 'must be from 0 to 1');
  end if;
  perform engine.refuse_field('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
end $$;
comment on function engine.refuse_run_request(text, text, numeric) is 'Refuses a run whose fields are out of their range: SCV01 with the field.';

create or replace function engine.fingerprint(variadic p_fields text[])
returns bytea
language sql immutable
as $$ select sha256(convert_to(to_json(p_fields)::text, 'UTF8')) $$;
comment on function engine.fingerprint(text[]) is 'What makes two requests the same one: sha256 of their fields.';

create or replace function engine.run_body(
  p_hold_id uuid, p_session_id uuid, p_response text, p_charged bigint, p_balance_after bigint,
  p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_cost_usd numeric,
  p_duration_ms integer, p_model text, p_stop_reason text, p_is_simulated boolean)
returns text
language sql stable
as $$
  select json_build_object(
    'id', p_hold_id, 'conversationId', p_session_id, 'response', p_response,
    'creditsSpent', p_charged, 'creditsRemaining', p_balance_after,
    'tokensUsed', p_input + p_output + p_cache_read + p_cache_write,
    'usage', json_build_object(
      'inputTokens', p_input, 'outputTokens', p_output, 'cacheReadTokens', p_cache_read, 'cacheWriteTokens', p_cache_write),
    'costUsd', trim_scale(p_cost_usd), 'durationMs', p_duration_ms, 'model', p_model, 'stopReason', p_stop_reason,
    'simulated', p_is_simulated)::text
$$;
comment on function engine.run_body(uuid, uuid, text, bigint, bigint, bigint, bigint, bigint, bigint, numeric, integer, text, text, boolean) is
  'The answer to POST /playground/run. creditsRemaining: the balance after this run, credits held by other runs included.';

create or replace function engine.result_of(p_hold playground.holds)
returns text
language sql stable
as $$
  select engine.run_body(
    u.hold_id, u.session_id,
    coalesce((
      select content from playground.messages m
      where m.user_id = u.user_id and m.session_id = u.session_id and m.hold_id = u.hold_id and m.role = 'assistant'
        and m.created_at >= u.reserved_at), ''),
    u.credits,
    (select t.balance_after from playground.transactions t
     where t.account_id = u.account_id and t.posted_at <= u.recorded_at
       -- Later lines may carry the same instant; only what this run's own return let expire belongs to it.
       and (p_hold.spend_number is null or t.number = p_hold.spend_number or t.number > p_hold.spend_number and t.type = 'expire')
     order by t.number desc limit 1),
    u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.cost_usd, u.duration_ms, u.model, u.stop_reason, u.is_simulated)
  from playground.usage u
  where u.account_id = p_hold.account_id and u.reserved_at = p_hold.reserved_at and u.hold_id = p_hold.hold_id
$$;
comment on function engine.result_of(playground.holds) is 'The answer of a settled run once more, from what is stored of it. Null when the run used nothing, or its usage is not kept any more.';

create or replace function engine.settle_late(
  p_hold playground.holds, p_instant timestamptz, p_outcome text, p_user_input text, p_answer text,
  p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint,
  p_answered_model text, p_stop_reason text, p_duration_ms integer, p_is_simulated boolean)
returns void
language plpgsql volatile
as $$
declare
  v_usage record;
  v_price record;
  v_cost_usd numeric;
  v_before playground.usage;
begin
  v_usage := engine.read_usage(
    p_outcome, p_answer, p_hold.input_tokens_estimated, p_hold.max_output_tokens, p_input, p_output, p_cache_read, p_cache_write);
  v_price := engine.price_of_answer(p_hold.model, p_hold.price_effective_from, p_answered_model, p_hold.reserved_at);
  v_cost_usd := engine.cost_of(
    v_usage.p_input, v_usage.p_output, v_usage.p_cache_read, v_usage.p_cache_write,
    v_price.input_price, v_price.output_price, v_price.cache_read_price, v_price.cache_write_price);
  select * into v_before
  from playground.usage
  where account_id = p_hold.account_id and reserved_at = p_hold.reserved_at and hold_id = p_hold.hold_id;
  if not found then
    v_before := engine.restore_abandoned_usage(p_hold);
  end if;
  -- What the estimate drew from the bought budget stays drawn; the rest of the cost is the tier's.
  update playground.usage
  set outcome = 'late', usage_source = v_usage.usage_source, answered_model = p_answered_model, is_answered_model_unknown = v_price.is_unknown,
    is_simulated = p_is_simulated, input_tokens = v_usage.p_input, output_tokens = v_usage.p_output,
    cache_read_tokens = v_usage.p_cache_read, cache_write_tokens = v_usage.p_cache_write,
    cost_usd = greatest(v_cost_usd, budget_usd), stop_reason = p_stop_reason, duration_ms = p_duration_ms, recorded_at = p_instant
  where account_id = p_hold.account_id and reserved_at = p_hold.reserved_at and hold_id = p_hold.hold_id
  returning cost_usd into v_cost_usd;
  update playground.holds set outcome = 'late' where account_id = p_hold.account_id and hold_id = p_hold.hold_id;
  perform engine.settle_windows(p_hold.user_id, p_hold.reserved_at, p_hold.tier, 0, 0, v_cost_usd - v_before.cost_usd, 0, 0, p_instant);
  perform engine.count_spend(p_hold.model, p_hold.reserved_at, v_cost_usd - v_before.cost_usd);
  insert into rollup.usage_changes
  select p_hold.account_id, p_hold.user_id, p_hold.reserved_at, p_hold.model, p_hold.tier, p_hold.package_id, change.outcome, p_hold.is_comparison,
    change.is_simulated, p_hold.is_new_session, change.sign, change.sign * change.input_tokens, change.sign * change.output_tokens,
    change.sign * change.cache_read_tokens, change.sign * change.cache_write_tokens, change.sign * v_before.tokens_beyond_hold,
    change.sign * v_before.credits, change.sign * change.cost_usd, change.sign * v_before.budget_usd, change.sign * coalesce(change.duration_ms, 0)
  from (values
    (-1, v_before.outcome::text, v_before.is_simulated, v_before.input_tokens::bigint, v_before.output_tokens::bigint,
      v_before.cache_read_tokens::bigint, v_before.cache_write_tokens::bigint, v_before.cost_usd::numeric, v_before.duration_ms),
    (1, 'late', p_is_simulated, v_usage.p_input, v_usage.p_output, v_usage.p_cache_read, v_usage.p_cache_write, v_cost_usd, p_duration_ms)
  ) as change (sign, outcome, is_simulated, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms);
  update playground.accounts set last_instant = p_instant where account_id = p_hold.account_id;
  perform engine.append_exchange(p_hold, p_user_input, p_answer, p_outcome = 'completed', 0, p_instant);
  if p_hold.idempotency_key is not null and p_outcome = 'completed' then
    perform engine.keep_answer(p_hold, true, 200, engine.result_of(p_hold), p_instant);
  end if;
end $$;
comment on function engine.settle_late(playground.holds, timestamptz, text, text, text, bigint, bigint, bigint, bigint, text, text, integer, boolean) is
  'A run that answered after its hold expired: charges nothing, keeps the answer, corrects the cost (US dollars) of its usage, of its windows and of what the sums are made from.';

create or replace function engine.find_hold(p_account_id uuid, p_user_id uuid, p_hold_id uuid)
returns playground.holds
language plpgsql stable
as $$
declare
  v_hold playground.holds;
begin
  select * into v_hold from playground.holds where account_id = p_account_id and hold_id = p_hold_id and user_id = p_user_id;
  if not found then
    perform engine.refuse('SCH01', 'There is no such run.');
  end if;
  return v_hold;
end $$;
comment on function engine.find_hold(uuid, uuid, uuid) is 'A hold that this person made on an account that the caller has locked; the account''s lock covers it. SCH01 when there is none.';
