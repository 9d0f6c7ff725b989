create or replace function api.list_models()
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('models', coalesce(
    json_agg(
      json_strip_nulls(json_build_object(
        'alias', model.model,
        'provider', model.provider,
        'multiplier', trim_scale(model.multiplier),
        'typicalCredits', engine.credits_for(
          model.typical_output_tokens, model.multiplier, settings.tokens_per_credit
        ),
        'available', state.reason is null,
        'reason', state.reason
      ))
      order by model.position, model.model
    ),
    '[]'
  ))
  from playground.models as model
  join playground.providers as provider using (provider)
  cross join playground.platform_settings as settings
  cross join lateral (
    select (
      select output_usd_per_million
      from playground.model_prices
      where model_prices.model = model.model
        and effective_from <= engine.now()
      order by effective_from desc
      limit 1
    ) * model.max_output_tokens / 1000000
  ) as answer (cost_usd)
  cross join lateral (
    select case
      when not model.is_enabled or not provider.is_enabled then 'switched off'
      when provider.stops_at_ceiling and exists (
        select
        from (
          select coalesce(sum(spend.cost_usd), 0)
          from playground.provider_spend as spend
          where spend.provider = model.provider
            and spend.starts_at = date_trunc('day', engine.now(), 'UTC')
        ) as today (spent_usd)
        where spent_usd >= provider.daily_ceiling_usd
          or spent_usd + answer.cost_usd > provider.daily_ceiling_usd
      ) then 'used up for today'
      when answer.cost_usd is null then 'no price yet'
    end as reason
  ) as state;
$$;
comment on function api.list_models() is
  'GET /playground/models. Models on offer, in the operators'' order; typicalCredits: a short prompt and a typical answer; reason: why one is not available; used up for today: a whole answer would pass the ceiling at which its provider stops.';
