create or replace function admin.set_model_price(
  p_model text,
  p_input numeric,
  p_output numeric,
  p_reason text,
  p_effective_from timestamptz default null,
  p_cache_read numeric default null,
  p_cache_write numeric default null
)
returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before playground.model_prices;
  v_after playground.model_prices;
  v_cache record;
  v_now timestamptz;
begin
  perform engine.check_reason(p_reason);
  perform engine.check_price('input', p_input);
  perform engine.check_price('output', p_output, false);
  perform engine.lock_model(p_model);
  v_cache := engine.cache_prices(p_model, p_input);
  perform engine.check_price('cache reads', coalesce(p_cache_read, v_cache.cache_read_usd_per_million));
  perform engine.check_price('cache writes', coalesce(p_cache_write, v_cache.cache_write_usd_per_million));
  v_now := engine.now();
  if p_effective_from < v_now or p_effective_from = 'infinity' then
    perform engine.refuse('SCD02', 'A price begins now (null) or later: what has happened keeps the price it had.');
  end if;

  select * into v_before
  from playground.model_prices
  where model = p_model
    and effective_from <= coalesce(p_effective_from, v_now)
  order by effective_from desc
  limit 1;
  insert into playground.model_prices (
    model, effective_from, input_usd_per_million, output_usd_per_million, cache_read_usd_per_million, cache_write_usd_per_million)
  values (
    p_model, coalesce(p_effective_from, v_now), p_input, p_output,
    coalesce(p_cache_read, v_cache.cache_read_usd_per_million), coalesce(p_cache_write, v_cache.cache_write_usd_per_million))
  on conflict (model, effective_from) do nothing
  returning * into v_after;
  if not found then
    perform engine.refuse('SCD05', 'There is a price from that instant already, and the price book is append-only: choose another instant.');
  end if;
  perform engine.write_audit(
    'set_model_price', null, p_model, engine.price_json(v_before), engine.price_json(v_after), p_reason
  );
  return v_after.effective_from;
end $$;
comment on function admin.set_model_price(text, numeric, numeric, text, timestamptz, numeric, numeric) is
  'When a provider changes its prices: a new row of the price book, in US dollars per million tokens, from an instant on (null: now), which is returned. Open runs and all that happened keep their price; try the effect before with admin.reprice. Prices of the cache (null) keep their proportion to input. SCD02 for a wrong price or an instant that is past, SCD03 without a reason, SCD04 for an unknown model, SCD05 when that instant has a price.';
