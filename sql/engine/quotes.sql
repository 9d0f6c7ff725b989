-- What a run would take: the same for an estimate and for a reservation.

create or replace function engine.measure_run(
  p_user_id uuid, p_package text, p_package_version text, p_user_input text, p_model text, p_session_id uuid,
  p_use_no_prompt boolean, p_custom_prompt text, p_instant timestamptz,
  out package_id uuid, out package_version text, out prompt text, out history json, out input_tokens bigint,
  out model text, out provider text, out provider_model text, out multiplier numeric,
  out max_output_tokens integer, out typical_output_tokens integer,
  out price_effective_from timestamptz, out input_price numeric, out output_price numeric,
  out tokens_per_credit integer, out min_output_tokens integer, out hold_lifetime interval, out hold_margin interval)
language plpgsql stable
as $$
declare
  v_settings playground.platform_settings;
  v_model playground.models;
  v_package record;
  v_prompt_octets bigint;
  v_history_octets bigint;
begin
  -- Three look-ups by key cost a third of one join of them.
  select * into strict v_settings from playground.platform_settings;
  v_package := engine.find_package_version(p_user_id, p_package, p_package_version);
  select * into v_model from playground.models m where m.model = coalesce(p_model, v_settings.default_model);
  if not found then
    perform engine.refuse('SCM01', 'There is no such model.', json_build_object('fields', json_build_object('model', 'unknown model')));
  end if;
  select p.effective_from, greatest(p.input_usd_per_million, p.cache_write_usd_per_million), p.output_usd_per_million
  into price_effective_from, input_price, output_price
  from playground.model_prices p
  where p.model = v_model.model and p.effective_from <= p_instant
  order by p.effective_from desc
  limit 1;
  if not v_model.is_enabled or price_effective_from is null then
    perform engine.refuse('SCM02', 'This model is not available now.', json_build_object('model', v_model.model));
  end if;

  package_id := v_package.package_id;
  package_version := v_package.version;
  prompt := v_package.prompt;
  v_prompt_octets := v_package.prompt_octets;
  model := v_model.model;
  provider := v_model.provider;
  provider_model := v_model.provider_model;
  multiplier := v_model.multiplier;
  max_output_tokens := v_model.max_output_tokens;
  typical_output_tokens := v_model.typical_output_tokens;
  tokens_per_credit := v_settings.tokens_per_credit;
  min_output_tokens := v_settings.min_output_tokens;
  hold_lifetime := v_settings.hold_lifetime;
  hold_margin := v_settings.hold_margin;

  if p_session_id is not null then
    select h.octets, h.history into v_history_octets, history from engine.history_of(p_user_id, p_session_id) as h;
  end if;
  if p_custom_prompt is not null then
    prompt := p_custom_prompt;
    v_prompt_octets := octet_length(p_custom_prompt);
    multiplier := multiplier * v_settings.custom_prompt_multiplier;
  end if;
  if p_use_no_prompt then
    prompt := null;
    v_prompt_octets := 0;
  end if;
  input_tokens := engine.tokens_of(
    v_prompt_octets + coalesce(v_history_octets, 0) + octet_length(p_user_input),
    v_settings.octets_per_token, v_settings.token_estimate_factor);
  if input_tokens > v_settings.max_input_tokens then
    perform engine.refuse('SCR01', 'Prompt, conversation and input are too long together.',
      json_build_object('estimatedTokens', input_tokens, 'maxTokens', v_settings.max_input_tokens));
  end if;
end $$;
comment on function engine.measure_run(uuid, text, text, text, text, uuid, boolean, text, timestamptz) is
  'What would be sent and at which price: prompt, history, estimated input tokens, model and price row (US dollars per million tokens; input_price is the dearer of input and cache write). SCP01, SCM01, SCM02, SCS01, SCR01.';

create or replace function engine.spendable(
  p_account_id uuid, p_instant timestamptz,
  out available bigint, out has_paid_credits boolean, out grant_ids bigint[], out free bigint[])
language plpgsql stable
as $$
declare
  v_grant record;
begin
  available := 0;
  has_paid_credits := false;
  for v_grant in
    select grant_id, source, remaining - held - suspended as free
    from playground.grants
    where account_id = p_account_id and remaining > 0 and expired_at is null and (expires_at > p_instant or expires_at is null)
    order by engine.burn_rank(bucket), expires_at nulls last, granted_at, grant_id
  loop
    has_paid_credits := has_paid_credits or v_grant.source = 'purchase';
    if v_grant.free > 0 then
      available := available + v_grant.free;
      grant_ids := grant_ids || v_grant.grant_id;
      free := free || v_grant.free;
    end if;
  end loop;
end $$;
comment on function engine.spendable(uuid, timestamptz) is
  'Credits a new run may use (neither held, suspended nor expired), their grants in burn order (monthly, rollover, purchased; soonest expiry, then oldest), and whether unspent bought ones remain.';

create or replace function engine.size_run(
  p_available bigint, p_multiplier numeric, p_tokens_per_credit integer, p_input_tokens bigint, p_max_output_tokens integer,
  p_min_output_tokens integer, p_input_price numeric, p_output_price numeric, p_room_usd numeric,
  out output_cap bigint, out credits bigint, out highest_cost_usd numeric, out lacks_room boolean, out required bigint)
language plpgsql immutable
as $$
declare
  v_input_cost_usd numeric := engine.cost_of(p_input_tokens, 0, 0, 0, p_input_price, 0, 0, 0);
  v_room_cap bigint;
begin
  lacks_room := false;
  output_cap := engine.output_cap(p_available, p_multiplier, p_tokens_per_credit, p_input_tokens, p_max_output_tokens);
  if p_room_usd is not null then
    v_room_cap := floor((p_room_usd - v_input_cost_usd) * 1000000 / p_output_price);
    lacks_room := v_room_cap < p_min_output_tokens;
    output_cap := least(output_cap, v_room_cap);
  end if;
  required := engine.credits_for(p_input_tokens + p_min_output_tokens, p_multiplier, p_tokens_per_credit);
  if output_cap >= p_min_output_tokens then
    credits := engine.credits_for(p_input_tokens + output_cap, p_multiplier, p_tokens_per_credit);
    highest_cost_usd := v_input_cost_usd + engine.cost_of(0, output_cap, 0, 0, 0, p_output_price, 0, 0);
  end if;
end $$;
comment on function engine.size_run(bigint, numeric, integer, bigint, integer, integer, numeric, numeric, numeric) is
  'Sizes a run: the longest answer that model, credits and room in the cost limits (US dollars; null: no limit) allow, the credits to hold and the highest cost. credits is null when the answer would be shorter than the minimum; lacks_room tells that a cost limit is why.';
