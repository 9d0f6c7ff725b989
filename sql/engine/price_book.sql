-- What an operator may put into the price book, and what a caller may ask about other prices.

create or replace function engine.check_price(p_name text, p_usd_per_million numeric, p_may_be_zero boolean default true)
returns void
language plpgsql stable
as $$
begin
  if p_usd_per_million is null or p_usd_per_million not between 0 and 999999.999999 or scale(trim_scale(p_usd_per_million)) > 6
    or (p_usd_per_million = 0 and not p_may_be_zero)
  then
    perform engine.refuse(
      'SCD02', format('The price of %s must be US dollars per million tokens, at most 6 decimals, and not negative%s.',
        p_name, case when p_may_be_zero then '' else ' or 0' end));
  end if;
end $$;
comment on function engine.check_price(text, numeric, boolean) is
  'SCD02 unless a price in US dollars per million tokens is one that the price book can hold exactly.';

create or replace function engine.check_multiplier(p_multiplier numeric)
returns void
language plpgsql stable
as $$
begin
  if p_multiplier is null or p_multiplier not between 0.001 and 99999.999 or scale(trim_scale(p_multiplier)) > 3 then
    perform engine.refuse('SCD02', 'A multiplier must be greater than 0 and have at most 3 decimals.');
  end if;
end $$;
comment on function engine.check_multiplier(numeric) is 'SCD02 unless it is a multiplier that a model can have: credits per step of tokens.';

create or replace function engine.cache_prices(
  p_model text, p_input_usd_per_million numeric, out cache_read_usd_per_million numeric, out cache_write_usd_per_million numeric)
returns record
language sql stable
as $$
  -- A provider sells its cache at a share of the input price: the share of this model's newest row, else of the newest of
  -- another model of the provider. Without any row both are plain input.
  select coalesce(round(p_input_usd_per_million * known.cache_read_usd_per_million / known.input_usd_per_million, 6), p_input_usd_per_million),
    coalesce(round(p_input_usd_per_million * known.cache_write_usd_per_million / known.input_usd_per_million, 6), p_input_usd_per_million)
  from (select) as always
  left join lateral (
    select p.*
    from playground.model_prices p
    join playground.models m using (model)
    where m.provider = (select provider from playground.models where model = p_model)
      and p.input_usd_per_million > 0
    order by p.model = p_model desc, p.effective_from desc, p.model
    limit 1
  ) as known on true
$$;
comment on function engine.cache_prices(text, numeric) is
  'What reading from and writing to a provider''s cache costs beside an input price, all in US dollars per million tokens, in the proportions of the price book: Anthropic 0.1 and 1.25 of input, OpenAI 0.5 and 1, until a row says otherwise.';

create or replace function engine.lock_model(p_model text)
returns playground.models
language plpgsql volatile
as $$
declare
  v_model playground.models;
begin
  select * into v_model from playground.models where model = p_model for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('model', p_model, array(select m.model from playground.models m order by m.position, m.model)));
  end if;
  return v_model;
end $$;
comment on function engine.lock_model(text) is 'A model, locked for a change by an operator. SCD04 when unknown.';

create or replace function engine.price_json(p_price playground.model_prices)
returns jsonb
language sql stable
as $$
  select case when p_price.model is not null then jsonb_build_object(
    'effectiveFrom', engine.iso(p_price.effective_from),
    'input', trim_scale(p_price.input_usd_per_million),
    'output', trim_scale(p_price.output_usd_per_million),
    'cacheRead', trim_scale(p_price.cache_read_usd_per_million),
    'cacheWrite', trim_scale(p_price.cache_write_usd_per_million)) end
$$;
comment on function engine.price_json(playground.model_prices) is 'A row of the price book, in US dollars per million tokens, as the audit log keeps it.';
