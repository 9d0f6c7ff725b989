-- What a period would have charged, cost and earned under other multipliers and prices. Reads only.

create or replace function engine.read_price(p_object jsonb, p_name text)
returns numeric
language plpgsql stable
as $$
begin
  if p_object -> p_name is null then
    return null;
  end if;
  if jsonb_typeof(p_object -> p_name) <> 'number' then
    perform engine.refuse('SCD02', format('%s must be a number.', p_name));
  end if;
  return (p_object ->> p_name)::numeric;
end $$;
comment on function engine.read_price(jsonb, text) is 'A number of a JSON object, null when it is not there. SCD02 for anything else.';

create or replace function engine.read_multipliers(p_multipliers jsonb)
returns table (model text, multiplier numeric)
language plpgsql stable
as $$
#variable_conflict use_column
begin
  if jsonb_typeof(p_multipliers) is distinct from 'object' then
    perform engine.refuse('SCD02', 'Multipliers must be an object: {"opus": 4}.');
  end if;
  for model in select jsonb_object_keys(p_multipliers) loop
    perform from playground.models m where m.model = read_multipliers.model;
    if not found then
      perform engine.refuse('SCD02', engine.unknown_name('model', model, array(select m.model from playground.models m order by m.position, m.model)));
    end if;
    multiplier := engine.read_price(p_multipliers, model);
    perform engine.check_multiplier(multiplier);
    return next;
  end loop;
end $$;
comment on function engine.read_multipliers(jsonb) is 'Multipliers by model, out of {"opus": 4}. SCD02 for an unknown model or a multiplier that none can have.';

create or replace function engine.read_prices(p_prices jsonb)
returns table (model text, input_price numeric, output_price numeric, cache_read_price numeric, cache_write_price numeric)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
  v_object jsonb;
  v_unknown text;
  v_price playground.model_prices;
begin
  if jsonb_typeof(p_prices) is distinct from 'object' then
    perform engine.refuse('SCD02', 'Prices must be an object: {"opus": {"input": 12, "output": 60}}.');
  end if;
  for model, v_object in select key, value from jsonb_each(p_prices) loop
    perform from playground.models m where m.model = read_prices.model;
    if not found then
      perform engine.refuse('SCD02', engine.unknown_name('model', model, array(select m.model from playground.models m order by m.position, m.model)));
    end if;
    if jsonb_typeof(v_object) <> 'object' then
      perform engine.refuse('SCD02', format('The prices of %s must be an object: {"input": 12, "output": 60}.', model));
    end if;
    select min(key) into v_unknown from jsonb_object_keys(v_object) as key where key not in ('input', 'output', 'cacheRead', 'cacheWrite');
    if v_unknown is not null then
      perform engine.refuse('SCD02', format('There is no price of %s; there are input, output, cacheRead and cacheWrite.', v_unknown));
    end if;
    select p.* into v_price
    from playground.model_prices p
    where p.model = read_prices.model
      and p.effective_from <= v_now
    order by p.effective_from desc
    limit 1;
    input_price := coalesce(engine.read_price(v_object, 'input'), v_price.input_usd_per_million);
    output_price := coalesce(engine.read_price(v_object, 'output'), v_price.output_usd_per_million);
    perform engine.check_price('input', input_price);
    perform engine.check_price('output', output_price, false);
    select coalesce(engine.read_price(v_object, 'cacheRead'), c.cache_read_usd_per_million),
      coalesce(engine.read_price(v_object, 'cacheWrite'), c.cache_write_usd_per_million)
    into strict cache_read_price, cache_write_price
    from engine.cache_prices(model, input_price) as c;
    perform engine.check_price('cacheRead', cache_read_price);
    perform engine.check_price('cacheWrite', cache_write_price);
    return next;
  end loop;
end $$;
comment on function engine.read_prices(jsonb) is
  'Prices by model in US dollars per million tokens, out of {"opus": {"input": 12, "output": 60, "cacheRead": 1.2, "cacheWrite": 15}}; input and output are as now when they are missing, those of the cache keep their proportion to input. SCD02 for an unknown model, name or price.';

create or replace function engine.priced_model(p_model text, p_answered_model text)
returns text
language sql stable
as $$
  select coalesce(
    (
      select other.model
      from playground.models other
      where other.provider = asked.provider
        and p_answered_model <> asked.provider_model
        and not starts_with(p_answered_model, asked.provider_model || '-20')
        and (p_answered_model = other.provider_model or starts_with(p_answered_model, other.provider_model || '-20'))
      order by length(other.provider_model) desc
      limit 1
    ),
    p_model)
  from playground.models asked
  where asked.model = p_model
$$;
comment on function engine.priced_model(text, text) is 'The model whose prices a call has: the one that answered when we know it, else the one that was asked. As engine.price_of_answer.';

create or replace function engine.repriced_usage(p_from timestamptz, p_to timestamptz, p_multipliers jsonb, p_prices jsonb)
returns table (model text, tier text, runs bigint, credits bigint, new_credits bigint, cost_usd numeric, new_cost_usd numeric)
language sql stable
as $$
  with multiplied as materialized (
    select * from engine.read_multipliers(p_multipliers)
  ), priced as materialized (
    select * from engine.read_prices(p_prices)
  ), answered as materialized (
    -- Few names, many runs.
    select named.model, named.answered_model, engine.priced_model(named.model, named.answered_model) as priced_model
    from (
      select distinct u.model, coalesce(u.answered_model, '') as answered_model
      from playground.usage u
      where u.reserved_at >= p_from and u.reserved_at < p_to and exists (select from priced)
    ) as named
  ), run as (
    select u.*, multiplied.multiplier, priced.input_price, priced.output_price, priced.cache_read_price, priced.cache_write_price
    from playground.usage u
    left join multiplied using (model)
    left join answered on answered.model = u.model and answered.answered_model = coalesce(u.answered_model, '')
    left join priced on priced.model = answered.priced_model
    where u.reserved_at >= p_from and u.reserved_at < p_to
  )
  select run.model, run.tier, count(*), sum(run.credits)::bigint,
    sum(case
      -- Nothing was charged for reasons that no multiplier changes.
      when run.multiplier is null or run.credits = 0 then run.credits
      else least(
        engine.credits_for(h.input_tokens_estimated + h.max_output_tokens, charged.multiplier, h.tokens_per_credit),
        engine.credits_for(run.input_tokens + run.output_tokens + run.cache_read_tokens + run.cache_write_tokens, charged.multiplier, h.tokens_per_credit))
    end)::bigint,
    sum(run.cost_usd),
    sum(case
      when run.input_price is null then run.cost_usd
      else greatest(
        round(
          engine.cost_of(
            run.input_tokens, run.output_tokens, run.cache_read_tokens, run.cache_write_tokens,
            run.input_price, run.output_price, run.cache_read_price, run.cache_write_price), 12),
        case when run.outcome = 'late' then run.budget_usd else 0 end)
    end)
  from run
  left join playground.holds h on run.multiplier is not null and h.account_id = run.account_id and h.hold_id = run.hold_id
  cross join lateral (
    select run.multiplier * case when h.is_custom_prompt then (select custom_prompt_multiplier from playground.platform_settings) else 1 end
  ) as charged (multiplier)
  group by run.model, run.tier
$$;
comment on function engine.repriced_usage(timestamptz, timestamptz, jsonb, jsonb) is
  'Credits and API cost (US dollars) of the runs reserved from p_from until before p_to, per model asked for and tier: as charged, and with other multipliers and prices of the models named. A charge is bounded by what the same run would have held.';
