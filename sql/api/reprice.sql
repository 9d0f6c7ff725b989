create or replace function api.reprice(
  p_user_id uuid, p_token text, p_request_id text, p_multipliers text default '{}', p_prices text default '{}',
  p_from timestamptz default null, p_to timestamptz default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_month constant timestamptz := date_trunc('month', engine.now(), 'UTC');
  v_from timestamptz;
  v_to timestamptz;
  v_multipliers jsonb;
  v_prices jsonb;
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  -- The calendar month before this one, as far as it is kept; its end when only a beginning is given, and the reverse.
  v_from := coalesce(p_from, greatest((coalesce(p_to, v_month) at time zone 'UTC' - interval '1 month') at time zone 'UTC', engine.kept_since('usage')));
  v_to := coalesce(p_to, case when p_from >= v_month then engine.now() else v_month end);
  begin
    v_multipliers := p_multipliers::jsonb;
    v_prices := p_prices::jsonb;
  exception
    when data_exception then
      perform engine.refuse_field('body', 'holds a number that cannot be kept');
  end;
  return (
    with repriced as materialized (
      select * from admin.reprice(v_from, v_to, v_multipliers, v_prices)
    )
    select json_build_object(
      'from', engine.iso(v_from),
      'to', engine.iso(v_to),
      'runs', coalesce(sum(runs), 0),
      'credits', coalesce(sum(credits), 0),
      'newCredits', coalesce(sum(new_credits), 0),
      'cost', trim_scale(coalesce(sum(cost_usd), 0)),
      'newCost', trim_scale(coalesce(sum(new_cost_usd), 0)),
      'earned', trim_scale(round(coalesce(sum(earned_usd), 0), 12)),
      'newEarned', trim_scale(round(coalesce(sum(new_earned_usd), 0), 12)),
      'margin', case when sum(earned_usd) > 0 then trim_scale(round(100 - sum(cost_usd) * 100 / sum(earned_usd), 2)) end,
      'newMargin', case when sum(new_earned_usd) > 0 then trim_scale(round(100 - sum(new_cost_usd) * 100 / sum(new_earned_usd), 2)) end,
      'models', coalesce(json_agg(json_build_object(
        'model', model, 'tier', tier, 'runs', runs, 'credits', credits, 'newCredits', new_credits,
        'cost', trim_scale(cost_usd), 'newCost', trim_scale(new_cost_usd),
        'earned', trim_scale(round(earned_usd, 12)), 'newEarned', trim_scale(round(new_earned_usd, 12)),
        'margin', trim_scale(round(margin_percent, 2)), 'newMargin', trim_scale(round(new_margin_percent, 2))
      ) order by model, tier), '[]')
    )
    from repriced
  );
end $$;
comment on function api.reprice(uuid, text, text, text, text, timestamptz, timestamptz) is
  'POST /admin/cost-analytics/reprice. What a period (default: the calendar month before this one, UTC) would have charged, cost and earned under other multipliers ({"opus": 4}) or prices ({"opus": {"input": 12}}, US dollars per million tokens), both JSON: all in all, and by model and tier. Credits, US dollars, percent. Changes nothing. SCV01 for numbers that cannot be kept; SCD02 as admin.reprice; SCA01, SCA07.';
