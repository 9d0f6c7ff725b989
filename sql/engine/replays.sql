-- What other limits would have done to runs that are over.

create or replace function engine.replay_runs(
  p_tier text, p_monthly_usd numeric, p_daily_usd numeric, p_runs_per_hour integer, p_since timestamptz, p_until timestamptz)
returns table (user_id uuid, reserved_at timestamptz, cost_usd numeric, refused_by text)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_tier playground.tiers;
  v_run record;
  v_user_id uuid;
  v_month timestamptz;
  v_day timestamptz;
  v_hour timestamptz;
  v_month_usd numeric;
  v_day_usd numeric;
  v_hour_runs bigint;
  v_room_usd numeric;
begin
  select * into strict v_tier from playground.tiers where tier = p_tier;
  if v_tier.is_unlimited then
    return;
  end if;
  v_tier.monthly_cost_limit_usd := coalesce(p_monthly_usd, v_tier.monthly_cost_limit_usd, 0);
  v_tier.daily_cost_limit_usd := coalesce(p_daily_usd, v_tier.daily_cost_limit_usd, 0);
  v_tier.runs_per_hour := coalesce(p_runs_per_hour, v_tier.runs_per_hour);

  for v_run in
    -- From the beginning of the month on, since its window began then.
    select u.user_id, u.reserved_at, u.tier, u.cost_usd - u.budget_usd as cost_usd, h.status <> 'released' as is_counted,
      -- The least that the windows must have room for: what the bought budget held for this run is not theirs.
      greatest(0, engine.cost_of(
        h.input_tokens_estimated, s.min_output_tokens, 0, 0,
        greatest(p.input_usd_per_million, p.cache_write_usd_per_million), p.output_usd_per_million, 0, 0) - h.budget_held_usd) as least_usd,
      coalesce(raised.monthly_cost_limit_usd, own.monthly_cost_limit_usd, v_tier.monthly_cost_limit_usd) as monthly_usd,
      coalesce(raised.daily_cost_limit_usd, own.daily_cost_limit_usd, v_tier.daily_cost_limit_usd) as daily_usd,
      case
        when coalesce(raised.runs_per_hour, own.runs_per_hour) is null and v_tier.runs_per_hour < s.paid_runs_per_hour and exists (
          select
          from playground.grants g
          left join playground.transactions t on t.account_id = g.account_id and t.number = g.last_number
          where g.account_id = u.account_id and g.source = 'purchase' and g.granted_at <= u.reserved_at
            and (g.remaining > 0 or t.posted_at > u.reserved_at))
        then s.paid_runs_per_hour
        else coalesce(raised.runs_per_hour, own.runs_per_hour, v_tier.runs_per_hour, 0)
      end as hourly_runs,
      array(
        select w.kind::text
        from playground.cost_windows w
        where w.user_id = u.user_id and w.is_exempt and w.starts_at = date_trunc(w.kind, u.reserved_at, 'UTC')) as exempt
    from playground.usage u
    join playground.holds h on h.account_id = u.account_id and h.hold_id = u.hold_id
    join playground.model_prices p on p.model = h.model and p.effective_from = h.price_effective_from
    cross join playground.platform_settings s
    left join playground.user_limits own on own.user_id = u.user_id and not own.is_temporary
    left join playground.user_limits raised
      on raised.user_id = u.user_id and raised.is_temporary and u.reserved_at >= raised.set_at and u.reserved_at < raised.ends_at
    where u.reserved_at >= date_trunc('month', p_since, 'UTC') and u.reserved_at < p_until
    order by u.user_id, u.reserved_at, u.hold_id
  loop
    if v_run.user_id is distinct from v_user_id or date_trunc('month', v_run.reserved_at, 'UTC') <> v_month then
      v_month := date_trunc('month', v_run.reserved_at, 'UTC');
      v_month_usd := 0;
    end if;
    if v_run.user_id is distinct from v_user_id or date_trunc('day', v_run.reserved_at, 'UTC') <> v_day then
      v_day := date_trunc('day', v_run.reserved_at, 'UTC');
      v_day_usd := 0;
    end if;
    if v_run.user_id is distinct from v_user_id or date_trunc('hour', v_run.reserved_at, 'UTC') <> v_hour then
      v_hour := date_trunc('hour', v_run.reserved_at, 'UTC');
      v_hour_runs := 0;
    end if;
    v_user_id := v_run.user_id;

    user_id := v_run.user_id;
    reserved_at := v_run.reserved_at;
    cost_usd := v_run.cost_usd;
    refused_by := null;
    v_room_usd := 'Infinity';
    -- A run that began in another tier counts, and is not judged.
    if v_run.tier = p_tier then
      v_room_usd := greatest(0, least(
        case when 'month' <> all (v_run.exempt) then v_run.monthly_usd - v_month_usd else 'Infinity' end,
        case when 'day' <> all (v_run.exempt) then v_run.daily_usd - v_day_usd else 'Infinity' end));
      refused_by := case
        when v_hour_runs >= v_run.hourly_runs and 'hour' <> all (v_run.exempt) then 'runs_hour'
        when v_run.least_usd <= v_room_usd then null
        when v_run.daily_usd - v_day_usd < v_run.monthly_usd - v_month_usd and 'day' <> all (v_run.exempt) then 'cost_day'
        else 'cost_month' end;
    end if;
    if refused_by is null then
      -- With less room the answer would have been shorter.
      v_month_usd := v_month_usd + least(v_run.cost_usd, v_room_usd);
      v_day_usd := v_day_usd + least(v_run.cost_usd, v_room_usd);
      v_hour_runs := v_hour_runs + v_run.is_counted::integer;
    end if;
    if v_run.reserved_at >= p_since and v_run.tier = p_tier then
      return next;
    end if;
  end loop;
end $$;
comment on function engine.replay_runs(text, numeric, numeric, integer, timestamptz, timestamptz) is
  'The runs of a tier since an instant, by person and in order, with their cost (US dollars, without the bought budget) and the limit that would have refused them (runs_hour, cost_day, cost_month; null: none) under other limits of the tier; null: as now. What is under way is left out, and what runs held while they were.';
