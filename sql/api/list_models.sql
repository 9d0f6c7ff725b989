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
    select case
      when not model.is_enabled or not provider.is_enabled then 'switched off'
      when provider.stops_at_ceiling and provider.daily_ceiling_usd <= (
        select coalesce(sum(spend.cost_usd), 0)
        from playground.provider_spend as spend
        where spend.provider = model.provider
          and spend.starts_at = date_trunc('day', engine.now(), 'UTC')
      ) then 'used up for today'
      when not exists (
        select
        from playground.model_prices as price
        where price.model = model.model
          and price.effective_from <= engine.now()
      ) then 'no price yet'
    end as reason
  ) as state;
$$;
comment on function api.list_models() is
  'GET /playground/models. Models on offer, in the operators'' order; typicalCredits: a short prompt and a typical answer; reason: why one is not available.';
