create or replace function api.get_margin(p_user_id uuid, p_token text, p_request_id text, p_month text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_month timestamptz;
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  if p_month !~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])$' then
    perform engine.refuse_field('month', 'must be a month, such as 2026-11');
  end if;
  v_month := coalesce((p_month || '-01 00:00:00+00')::timestamptz, date_trunc('month', engine.now(), 'UTC'));
  return (
    with summed as materialized (
      -- The month as a whole is there even when nothing ran.
      select grouping(model) = 1 as is_total, model, coalesce(sum(runs), 0) as runs,
        coalesce(sum(input_tokens), 0) as input_tokens, coalesce(sum(output_tokens), 0) as output_tokens,
        coalesce(sum(cache_read_tokens), 0) as cache_read_tokens, coalesce(sum(cache_write_tokens), 0) as cache_write_tokens,
        coalesce(sum(credits), 0) as credits, coalesce(sum(cost_usd), 0) as cost_usd, coalesce(sum(revenue_usd), 0) as revenue_usd
      from rollup.model_margin
      where day >= v_month
        and day < engine.window_end('month', v_month)
      group by grouping sets ((model), ())
    ), shown as (
      select is_total, model, cost_usd, jsonb_build_object(
        'runs', runs, 'inputTokens', input_tokens, 'outputTokens', output_tokens,
        'cacheReadTokens', cache_read_tokens, 'cacheWriteTokens', cache_write_tokens, 'credits', credits,
        'costUsd', trim_scale(cost_usd), 'revenueUsd', trim_scale(revenue_usd), 'marginUsd', trim_scale(revenue_usd - cost_usd),
        'marginPercent', trim_scale(round(100 * (revenue_usd - cost_usd) / nullif(revenue_usd, 0), 2))) as figures
      from summed
    )
    select json_build_object(
      'month', to_char(v_month at time zone 'UTC', 'YYYY-MM'),
      'models', coalesce(
        json_agg(jsonb_build_object('model', model) || figures order by cost_usd desc, model) filter (where not is_total), '[]'),
      'total', (select figures from shown where is_total),
      'refreshedAt', (select engine.iso(refreshed_at) from rollup.refreshes where name = 'model_margin'))
    from shown
  );
end $$;
comment on function api.get_margin(uuid, text, text, text) is
  'GET /admin/cost-analytics/margin. What each model cost and earned in a calendar month (UTC; null: this one), and all of them together, as the cached view knows it, with its age. Tokens by class, credits, US dollars; revenue is what was paid for the credits charged, the margin in percent is of it (null without). SCV01 for what is no month; SCA01, SCA07.';
