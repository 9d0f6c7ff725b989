create view analytics.daily_usage_new as
select day, tier,
  sum(runs)::bigint as runs,
  coalesce(sum(runs) filter (where outcome = 'completed'), 0)::bigint as completed,
  coalesce(sum(runs) filter (where outcome = 'client_gone'), 0)::bigint as client_gone,
  coalesce(sum(runs) filter (where outcome = 'late'), 0)::bigint as late,
  coalesce(sum(runs) filter (where outcome = 'abandoned'), 0)::bigint as abandoned,
  coalesce(sum(runs) filter (where outcome not in ('completed', 'client_gone', 'late', 'abandoned')), 0)::bigint as provider_failed,
  sum(comparisons)::bigint as comparisons,
  sum(simulated_runs)::bigint as simulated_runs,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cache_read_tokens)::bigint as cache_read_tokens,
  sum(cache_write_tokens)::bigint as cache_write_tokens,
  sum(tokens_beyond_hold)::bigint as tokens_beyond_hold,
  sum(credits)::bigint as credits,
  sum(cost_usd) as cost_usd,
  sum(budget_usd) as budget_usd,
  round(sum(duration_ms) / nullif(sum(runs), 0) / 1000, 3) as average_seconds
from rollup.usage_days
group by day, tier
having sum(runs) > 0;
comment on view analytics.daily_usage_new is 'Model calls of a day and tier.';
comment on column analytics.daily_usage_new.day is 'UTC day on which the calls were reserved.';
comment on column analytics.daily_usage_new.tier is 'Tier whose limits bound the person at that moment.';
comment on column analytics.daily_usage_new.runs is 'Calls of a model, whatever became of them; each call counts once under one of the next five.';
comment on column analytics.daily_usage_new.completed is 'Calls that were answered in full.';
comment on column analytics.daily_usage_new.client_gone is 'Calls whose caller went away; what was delivered is charged.';
comment on column analytics.daily_usage_new.late is 'Calls answered after their hold had expired; charged nothing.';
comment on column analytics.daily_usage_new.abandoned is 'Calls that nobody settled (a gateway died); charged nothing, cost estimated.';
comment on column analytics.daily_usage_new.provider_failed is 'Calls that the provider refused, timed out, answered with nothing or broke off; charged nothing.';
comment on column analytics.daily_usage_new.comparisons is 'Calls without the package''s prompt, to compare with.';
comment on column analytics.daily_usage_new.simulated_runs is 'Calls that a simulated provider answered.';
comment on column analytics.daily_usage_new.input_tokens is 'Input tokens, without cached ones.';
comment on column analytics.daily_usage_new.output_tokens is 'Output tokens.';
comment on column analytics.daily_usage_new.cache_read_tokens is 'Input tokens read from the provider''s cache.';
comment on column analytics.daily_usage_new.cache_write_tokens is 'Input tokens written to the provider''s cache.';
comment on column analytics.daily_usage_new.tokens_beyond_hold is 'Tokens that no hold covered: the house''s loss.';
comment on column analytics.daily_usage_new.credits is 'Credits charged.';
comment on column analytics.daily_usage_new.cost_usd is 'API cost in US dollars, bought budget included.';
comment on column analytics.daily_usage_new.budget_usd is 'The part of cost_usd that bought credits'' cost budget paid, in US dollars.';
comment on column analytics.daily_usage_new.average_seconds is 'Average time of a call in seconds.';
