create or replace function admin.preview_limits(p_tier text, p_monthly_usd numeric, p_daily_usd numeric, p_runs_per_hour integer)
returns table (
  user_id uuid, email text, limit_source text, first_refused_at timestamptz, refused_runs bigint, runs bigint, cost_usd numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
begin
  perform engine.check_limits(p_monthly_usd, p_daily_usd, p_runs_per_hour, null);
  perform from playground.tiers where tier = p_tier;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('tier', p_tier, array(select tier from playground.tiers order by tier)));
  end if;
  return query
    select replayed.user_id, person.email, (array_agg(replayed.refused_by order by replayed.reserved_at) filter (where replayed.refused_by is not null))[1],
      min(replayed.reserved_at) filter (where replayed.refused_by is not null), count(replayed.refused_by), count(*), trim_scale(sum(replayed.cost_usd))
    from engine.replay_runs(p_tier, p_monthly_usd, p_daily_usd, p_runs_per_hour, v_now - interval '30 days', v_now) as replayed
    join playground.users as person using (user_id)
    where person.deleted_at is null
    group by replayed.user_id, person.email
    having count(replayed.refused_by) > 0
    order by count(replayed.refused_by) desc, replayed.user_id;
end $$;
comment on function admin.preview_limits(text, numeric, numeric, integer) is
  'Before admin.set_limits: whose runs of the last 30 days other limits of a tier would have refused (API cost of a month and a day in US dollars, runs an hour; null: as now), how many of how many, which limit the first one and when, and what all of them cost without the bought budget, in US dollars. Runs that began in that tier are replayed in order by what they cost in the end; one that would have been refused counts no further, limits of one person go first. Changes nothing. SCD02 for a value that is no limit, SCD04 for an unknown tier.';
