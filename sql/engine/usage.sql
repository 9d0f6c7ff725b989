-- What a model call used and cost, from what the provider said and what the hold knows.

create or replace function engine.read_usage(
  p_outcome text, p_answer text, p_input_tokens_estimated bigint, p_max_output_tokens bigint,
  inout p_input bigint, inout p_output bigint, inout p_cache_read bigint, inout p_cache_write bigint, out usage_source text)
language plpgsql stable
as $$
declare
  v_most bigint := p_input_tokens_estimated + p_max_output_tokens;
begin
  usage_source := 'reported';
  -- A model that was refused before it began bills nothing unless it says so.
  if p_outcome = 'provider_refused' and p_input is null and p_output is null then
    p_input := 0;
    p_output := 0;
  end if;
  -- The setting is read only for those who report more than was asked for.
  if greatest(p_input, p_output, p_cache_read, p_cache_write) > v_most then
    v_most := v_most * (select absurd_usage_factor from playground.platform_settings);
  end if;
  -- Zero is a figure; missing, negative and absurd ones are not.
  if p_input is null or p_input not between 0 and v_most
    or coalesce(p_cache_read, 0) not between 0 and v_most or coalesce(p_cache_write, 0) not between 0 and v_most
  then
    p_input := p_input_tokens_estimated;
    p_cache_read := 0;
    p_cache_write := 0;
    usage_source := 'estimated';
  end if;
  if p_output is null or p_output not between 0 and v_most then
    p_output := least(engine.estimate_tokens(octet_length(p_answer)), p_max_output_tokens);
    usage_source := 'estimated';
  end if;
  p_cache_read := coalesce(p_cache_read, 0);
  p_cache_write := coalesce(p_cache_write, 0);
end $$;
comment on function engine.read_usage(text, text, bigint, bigint, bigint, bigint, bigint, bigint) is
  'Tokens by class as the provider reported them; what is missing, negative or absurd is estimated: the input as reserved, the output from the octets delivered, at most the cap.';

create or replace function engine.price_of_answer(
  p_model text, p_effective_from timestamptz, p_answered_model text, p_reserved_at timestamptz,
  out input_price numeric, out output_price numeric, out cache_read_price numeric, out cache_write_price numeric, out is_unknown boolean)
language plpgsql stable
as $$
declare
  v_provider text;
  v_provider_model text;
begin
  select m.provider, m.provider_model,
    p.input_usd_per_million, p.output_usd_per_million, p.cache_read_usd_per_million, p.cache_write_usd_per_million
  into strict v_provider, v_provider_model, input_price, output_price, cache_read_price, cache_write_price
  from playground.models m
  join playground.model_prices p using (model)
  where model = p_model and p.effective_from = p_effective_from;

  -- Providers answer with a dated name: claude-x-20260101 is claude-x.
  is_unknown := p_answered_model <> v_provider_model and not starts_with(p_answered_model, v_provider_model || '-20');
  if is_unknown then
    select p.input_usd_per_million, p.output_usd_per_million, p.cache_read_usd_per_million, p.cache_write_usd_per_million, false
    into input_price, output_price, cache_read_price, cache_write_price, is_unknown
    from playground.models m
    cross join lateral (
      select * from playground.model_prices where model = m.model and effective_from <= p_reserved_at order by effective_from desc limit 1) as p
    where m.provider = v_provider and (p_answered_model = m.provider_model or starts_with(p_answered_model, m.provider_model || '-20'))
    order by length(m.provider_model) desc
    limit 1;
    if not found then
      select p.input_usd_per_million, p.output_usd_per_million, p.cache_read_usd_per_million, p.cache_write_usd_per_million, true
      into strict input_price, output_price, cache_read_price, cache_write_price, is_unknown
      from playground.model_prices p
      where model = p_model and effective_from = p_effective_from;
    end if;
  end if;
  is_unknown := coalesce(is_unknown, false);
end $$;
comment on function engine.price_of_answer(text, timestamptz, text, timestamptz) is
  'US dollars per million tokens of the model that answered: the hold''s price row for the model asked for, another model''s of the same provider when that one answered, the hold''s and is_unknown when nobody knows it.';

create or replace function engine.end_hold(
  p_hold playground.holds, p_status text, p_outcome text, p_instant timestamptz, p_effective_at timestamptz,
  p_answer text default '', p_input bigint default null, p_output bigint default null,
  p_cache_read bigint default null, p_cache_write bigint default null, p_answered_model text default null,
  p_stop_reason text default null, p_duration_ms integer default null, p_is_simulated boolean default false,
  out charged bigint, out spend_number bigint, out balance_after bigint, out cost_usd numeric,
  out input_tokens bigint, out output_tokens bigint, out cache_read_tokens bigint, out cache_write_tokens bigint, out alerts integer)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_usage record;
  v_return record;
  v_price record;
  v_budget_usd numeric;
begin
  v_usage := engine.read_usage(
    p_outcome, p_answer, p_hold.input_tokens_estimated, p_hold.max_output_tokens, p_input, p_output, p_cache_read, p_cache_write);
  input_tokens := v_usage.p_input;
  output_tokens := v_usage.p_output;
  cache_read_tokens := v_usage.p_cache_read;
  cache_write_tokens := v_usage.p_cache_write;
  v_price := engine.price_of_answer(p_hold.model, p_hold.price_effective_from, p_answered_model, p_hold.reserved_at);
  cost_usd := case when p_outcome = 'not_called' then 0 else engine.cost_of(
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    v_price.input_price, v_price.output_price, v_price.cache_read_price, v_price.cache_write_price) end;
  charged := case
    when p_status = 'settled' and (p_outcome = 'completed' or p_answer <> '')
    then least(p_hold.credits, engine.credits_for(
      input_tokens + output_tokens + cache_read_tokens + cache_write_tokens, p_hold.multiplier, p_hold.tokens_per_credit))
    else 0 end;
  v_budget_usd := least(p_hold.budget_held_usd, greatest(0, cost_usd - p_hold.cost_held_usd));

  alerts := engine.settle_windows(
    p_hold.user_id, p_hold.reserved_at, p_hold.tier, p_hold.cost_held_usd, p_hold.budget_held_usd, cost_usd - v_budget_usd, v_budget_usd,
    case when p_status = 'released' then -1 else 0 end, p_instant);
  v_return := engine.return_credits(
    p_hold.account_id, p_hold.hold_id, charged, p_instant, p_effective_at, p_hold.user_id, p_hold.session_id,
    'Playground run on ' || p_hold.model);
  spend_number := v_return.number;
  balance_after := v_return.balance_after;
  update playground.holds
  set status = p_status, outcome = p_outcome, closed_at = p_effective_at, spend_number = end_hold.spend_number,
    charged = case when p_status = 'settled' then end_hold.charged end
  where account_id = p_hold.account_id and hold_id = p_hold.hold_id;
  if p_hold.budget_held_usd > 0 then
    update playground.accounts
    set cost_budget_held_usd = cost_budget_held_usd - p_hold.budget_held_usd, cost_budget_usd = cost_budget_usd - v_budget_usd
    where account_id = p_hold.account_id;
  end if;
  if p_outcome <> 'not_called' then
    if cost_usd > 0 then
      perform engine.count_spend(p_hold.model, p_hold.reserved_at, cost_usd);
    end if;
    alerts := alerts + engine.record_usage(
      p_hold, p_outcome, v_usage.usage_source, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
      charged, cost_usd, v_budget_usd, p_answered_model, v_price.is_unknown, p_stop_reason, p_duration_ms, p_is_simulated, p_instant);
  end if;
  if p_status <> 'settled' and p_hold.idempotency_key is not null then
    update playground.answers
    set state = 'free'
    where user_id = p_hold.user_id and operation = 'run' and idempotency_key = p_hold.idempotency_key and created_at = p_hold.reserved_at;
  end if;
  if p_status <> 'expired' then
    -- A refund waits for what comes back. Of holds that expire catch_up takes care, when all of them have.
    perform from playground.accounts where account_id = p_hold.account_id and is_owing;
    if found then
      perform engine.settle_debts(p_hold.account_id, p_instant);
      select last_balance into strict balance_after from playground.accounts where account_id = p_hold.account_id;
    end if;
  end if;
end $$;
comment on function engine.end_hold(playground.holds, text, text, timestamptz, timestamptz, text, bigint, bigint, bigint, bigint, text, text, integer, boolean) is
  'Ends an open hold, once: charge (only when settled), usage and cost in US dollars, windows, bought cost budget; returns these, with the number of alerts written. The account is locked by the caller.';

create or replace function engine.record_usage(
  p_hold playground.holds, p_outcome text, p_usage_source text, p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint,
  p_credits bigint, p_cost_usd numeric, p_budget_usd numeric, p_answered_model text, p_is_unknown boolean,
  p_stop_reason text, p_duration_ms integer, p_is_simulated boolean, p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
declare
  v_alerts integer := 0;
  v_input bigint := p_input + p_cache_read + p_cache_write;
  v_beyond bigint := greatest(0, v_input + p_output - floor(p_hold.credits / p_hold.multiplier)::bigint * p_hold.tokens_per_credit);
begin
  insert into playground.usage (
    account_id, reserved_at, hold_id, user_id, session_id, package_id, package_version, model, answered_model,
    is_answered_model_unknown, tier, outcome, usage_source, is_comparison, is_simulated,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, input_tokens_estimated, tokens_beyond_hold,
    credits, cost_usd, budget_usd, stop_reason, duration_ms, recorded_at)
  values (
    p_hold.account_id, p_hold.reserved_at, p_hold.hold_id, p_hold.user_id, p_hold.session_id, p_hold.package_id,
    p_hold.package_version, p_hold.model, p_answered_model,
    p_is_unknown, p_hold.tier, p_outcome, p_usage_source, p_hold.is_comparison, p_is_simulated,
    p_input, p_output, p_cache_read, p_cache_write, p_hold.input_tokens_estimated,
    v_beyond,
    p_credits, p_cost_usd, p_budget_usd, p_stop_reason, p_duration_ms, p_instant);
  insert into rollup.usage_changes
  values (
    p_hold.account_id, p_hold.user_id, p_hold.reserved_at, p_hold.model, p_hold.tier, p_hold.package_id, p_outcome, p_hold.is_comparison,
    p_is_simulated, p_hold.is_new_session, 1, p_input, p_output, p_cache_read, p_cache_write,
    v_beyond,
    p_credits, p_cost_usd, p_budget_usd, coalesce(p_duration_ms, 0));

  if p_is_unknown then
    perform engine.alert_once(
      '00000000-0000-0000-0000-000000000000', date_trunc('day', p_instant, 'UTC'), 'unknown_model',
      jsonb_build_object('asked', p_hold.model, 'answered', left(p_answered_model, 200)), p_instant);
    v_alerts := v_alerts + 1;
  end if;
  -- The setting is read only when the estimate was passed at all; an input nobody reported is the estimate itself.
  if v_input > p_hold.input_tokens_estimated
    and v_input > p_hold.input_tokens_estimated * (select estimate_alert_factor from playground.platform_settings)
  then
    perform engine.alert_once(
      p_hold.user_id, date_trunc('day', p_instant, 'UTC'), 'input_underestimated',
      jsonb_build_object('estimated', p_hold.input_tokens_estimated, 'reported', v_input, 'model', p_hold.model), p_instant);
    v_alerts := v_alerts + 1;
  end if;
  return v_alerts;
end $$;
comment on function engine.record_usage(playground.holds, text, text, bigint, bigint, bigint, bigint, bigint, numeric, numeric, text, boolean, text, integer, boolean, timestamptz) is
  'Writes the usage row of a hold (cost in US dollars), and what the sums of rollup are to take from it; alerts when nobody knows the model that answered and when the input was underestimated beyond the setting, and returns how often.';

create or replace function engine.restore_abandoned_usage(p_hold playground.holds)
returns playground.usage
language plpgsql volatile
as $$
declare
  v_restored playground.usage;
begin
  insert into playground.usage (
    account_id, reserved_at, hold_id, user_id, session_id, package_id, package_version, model, tier, outcome, usage_source, is_comparison, is_simulated,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, input_tokens_estimated, tokens_beyond_hold, credits, cost_usd, budget_usd, recorded_at)
  select
    p_hold.account_id, p_hold.reserved_at, p_hold.hold_id, p_hold.user_id, p_hold.session_id, p_hold.package_id, p_hold.package_version, p_hold.model,
    p_hold.tier, 'abandoned', used.usage_source, p_hold.is_comparison, false,
    used.p_input, used.p_output, 0, 0, p_hold.input_tokens_estimated,
    greatest(0, used.p_input + used.p_output - floor(p_hold.credits / p_hold.multiplier)::bigint * p_hold.tokens_per_credit), 0,
    cost.usd, least(p_hold.budget_held_usd, greatest(0, cost.usd - p_hold.cost_held_usd)), p_hold.closed_at
  from engine.read_usage('abandoned', '', p_hold.input_tokens_estimated, p_hold.max_output_tokens, null, null, null, null) as used
  cross join lateral engine.price_of_answer(p_hold.model, p_hold.price_effective_from, null, p_hold.reserved_at) as price
  cross join lateral (select engine.cost_of(used.p_input, used.p_output, 0, 0, price.input_price, price.output_price, 0, 0) as usd) as cost
  returning * into strict v_restored;
  return v_restored;
end $$;
comment on function engine.restore_abandoned_usage(playground.holds) is
  'Writes the usage row of an abandoned run once more, whose month was retired: what its hold''s end had recorded (cost in US dollars), which the sums hold already. It goes again with the next retirement.';
