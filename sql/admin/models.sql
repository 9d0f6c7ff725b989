create or replace view admin.models as
select
  m.model,
  m.provider,
  m.provider_model,
  m.is_enabled,
  p.is_enabled as is_provider_enabled,
  trim_scale(m.multiplier) as multiplier,
  m.max_output_tokens,
  m.typical_output_tokens,
  price.effective_from as price_effective_from,
  trim_scale(price.input_usd_per_million) as input_usd_per_million,
  trim_scale(price.output_usd_per_million) as output_usd_per_million,
  trim_scale(price.cache_read_usd_per_million) as cache_read_usd_per_million,
  trim_scale(price.cache_write_usd_per_million) as cache_write_usd_per_million,
  coming.effective_from as next_price_from
from playground.models m
join playground.providers p using (provider)
cross join (select engine.now() as now) as clock
left join lateral (
  select *
  from playground.model_prices b
  where b.model = m.model and b.effective_from <= clock.now
  order by b.effective_from desc
  limit 1
) as price on true
left join lateral (
  select min(b.effective_from) as effective_from
  from playground.model_prices b
  where b.model = m.model and b.effective_from > clock.now
) as coming on true;
comment on view admin.models is
  'When you ask what a model costs now, people and us; to change it: admin.set_multiplier, admin.set_model_price, admin.set_model_enabled, all of them after admin.reprice.';
comment on column admin.models.multiplier is 'Credits per step of tokens_per_credit tokens.';
comment on column admin.models.price_effective_from is 'Since when this price holds; null: there is none, and runs are refused.';
comment on column admin.models.input_usd_per_million is 'US dollars per million input tokens that no cache served.';
comment on column admin.models.output_usd_per_million is 'US dollars per million output tokens.';
comment on column admin.models.cache_read_usd_per_million is 'US dollars per million input tokens read from a cache.';
comment on column admin.models.cache_write_usd_per_million is 'US dollars per million input tokens written to a cache.';
comment on column admin.models.next_price_from is 'When the next price begins that is in the price book already.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.models
for each row execute function engine.refuse_view_change(
  'To change one, for runs from then on: admin.set_multiplier(model, multiplier, reason), admin.set_model_price(model, input, output, reason, effective_from), admin.set_model_enabled(model, is_enabled, reason).'
);
