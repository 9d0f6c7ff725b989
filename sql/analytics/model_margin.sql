create view analytics.model_margin_new as
select called.day, called.model, called.runs, called.input_tokens, called.output_tokens, called.cache_read_tokens, called.cache_write_tokens,
  called.credits, called.cost_usd,
  coalesce(earned.revenue_usd, 0) as revenue_usd,
  coalesce(earned.revenue_usd, 0) - called.cost_usd as margin_usd,
  round(100 * (earned.revenue_usd - called.cost_usd) / nullif(earned.revenue_usd, 0), 2) as margin_percent
from (
  select day, model, sum(runs)::bigint as runs, sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens, sum(cache_write_tokens)::bigint as cache_write_tokens,
    sum(credits)::bigint as credits, sum(cost_usd) as cost_usd
  from rollup.usage_days
  group by day, model
  having sum(runs) > 0
) as called
left join (
  select day, model, sum(revenue_usd) as revenue_usd
  from rollup.revenue_days
  group by day, model
) as earned using (day, model);
comment on view analytics.model_margin_new is 'What a model costs and earns on a day, all tiers together.';
comment on column analytics.model_margin_new.day is 'UTC day on which the calls were reserved.';
comment on column analytics.model_margin_new.model is 'The model that was asked for, by our name.';
comment on column analytics.model_margin_new.runs is 'Model calls, whatever became of them.';
comment on column analytics.model_margin_new.input_tokens is 'Input tokens, without cached ones.';
comment on column analytics.model_margin_new.output_tokens is 'Output tokens.';
comment on column analytics.model_margin_new.cache_read_tokens is 'Input tokens read from the provider''s cache.';
comment on column analytics.model_margin_new.cache_write_tokens is 'Input tokens written to the provider''s cache.';
comment on column analytics.model_margin_new.credits is 'Credits charged.';
comment on column analytics.model_margin_new.cost_usd is 'API cost in US dollars, bought budget included.';
comment on column analytics.model_margin_new.revenue_usd is 'What was paid for the credits charged, in US dollars: each at the price of its lot; credits that were free, or paid in another currency, count nothing.';
comment on column analytics.model_margin_new.margin_usd is 'revenue_usd less cost_usd, in US dollars.';
comment on column analytics.model_margin_new.margin_percent is 'margin_usd in percent of revenue_usd; null without revenue.';
