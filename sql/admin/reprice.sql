create or replace function admin.reprice(
  p_from timestamptz,
  p_to timestamptz,
  p_multipliers jsonb default '{}',
  p_prices jsonb default '{}'
)
returns table (
  model text,
  tier text,
  runs bigint,
  credits bigint,
  new_credits bigint,
  cost_usd numeric,
  new_cost_usd numeric,
  earned_usd numeric,
  new_earned_usd numeric,
  margin_percent numeric,
  new_margin_percent numeric
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- A day and a year want different plans.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  if p_from is null or p_to is null or p_from >= p_to then
    perform engine.refuse('SCD02', 'A period has a beginning and a later end.');
  end if;
  if p_from < engine.kept_since('usage') then
    perform engine.refuse('SCD02', format('Usage is kept since %s.', engine.iso(engine.kept_since('usage'))));
  end if;
  -- Looked at here too: where nobody ran, nothing below would read them.
  perform from engine.read_multipliers(coalesce(p_multipliers, '{}'));
  perform from engine.read_prices(coalesce(p_prices, '{}'));
  return query
  with paid as (
    select r.model, r.tier, sum(r.credits) as credits, sum(r.revenue_usd) as revenue_usd
    from rollup.revenue_days r
    where r.day >= date_trunc('day', p_from, 'UTC') and r.day < p_to
    group by r.model, r.tier
  ), average as (
    select sum(p.revenue_usd) / nullif(sum(p.credits), 0) as usd from paid p
  ), run as (
    select * from engine.repriced_usage(p_from, p_to, coalesce(p_multipliers, '{}'), coalesce(p_prices, '{}'))
  ), earned as (
    select run.*,
      round(coalesce(paid.revenue_usd * run.credits / nullif(paid.credits, 0), average.usd * run.credits, 0), 12) as earned_usd,
      round(coalesce(paid.revenue_usd * run.new_credits / nullif(paid.credits, 0), average.usd * run.new_credits, 0), 12) as new_earned_usd
    from run
    cross join average
    left join paid on paid.model = run.model and paid.tier = run.tier
  )
  select model, tier, runs, credits, new_credits, trim_scale(cost_usd), trim_scale(new_cost_usd), trim_scale(earned_usd), trim_scale(new_earned_usd),
    round((earned_usd - cost_usd) * 100 / nullif(earned_usd, 0), 2),
    round((new_earned_usd - new_cost_usd) * 100 / nullif(new_earned_usd, 0), 2)
  from earned
  order by model, tier;
end $$;
comment on function admin.reprice(timestamptz, timestamptz, jsonb, jsonb) is
  'Before a multiplier or price is changed: what the runs reserved from p_from until before p_to would have charged, cost and earned, per model and tier, with multipliers {"opus": 4} and prices in US dollars per million tokens {"opus": {"input": 12, "output": 60, "cacheRead": 1.2, "cacheWrite": 15}} (what is left out is as now; of the cache: in proportion to input). Nothing changed gives what happened. The same runs and tokens: nobody runs more or less, and a dearer run would have held more, as if everybody had the credits; own prompts keep their factor. Earned is what was paid for the credits of these days, model and tier (where none were charged, for those of the period), as of the last roll-up, the same for each new credit; margins in percent of it, null when nothing was earned. Changes nothing. SCD02 for a wrong period, one whose usage is not kept any more, an unknown model or a figure that is none.';
