-- The sums under the analysts' views. Whoever records a model call leaves a row in a queue, in the same transaction; here the
-- rows are taken from it and added up. What commits late is found by the next call, and what is taken is gone: no watermark.

create or replace function engine.queue_unqueued_usage()
returns void
language sql volatile
set enable_nestloop = off
as $$
  insert into rollup.usage_changes
  select u.account_id, u.user_id, u.reserved_at, u.model, u.tier, u.package_id, u.outcome, u.is_comparison, u.is_simulated,
    coalesce(h.is_new_session, false), 1, u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.tokens_beyond_hold,
    u.credits, u.cost_usd, u.budget_usd, coalesce(u.duration_ms, 0)
  from playground.usage u
  left join playground.holds h using (account_id, hold_id)
  where not exists (select from rollup.usage_changes c where c.account_id = u.account_id and c.reserved_at = u.reserved_at)
$$;
comment on function engine.queue_unqueued_usage() is
  'Before anything was added up: queues the model calls that code of before recorded after the migration had queued what there was, and that only this code would have.';

create or replace function engine.roll_up_usage(p_limit bigint default null)
returns bigint
language plpgsql volatile
-- The planner takes a queue that is emptied all day for empty: what is taken from it would be compared row by row with itself.
set enable_nestloop = off
as $$
declare
  v_started_at constant timestamptz := clock_timestamp();
  v_rows bigint;
begin
  -- One at a time: the other waits here, and then sees what this one left.
  perform pg_advisory_xact_lock(hashtext('scrip roll up'));
  if not exists (select from rollup.refreshes where name = 'usage') then
    perform engine.queue_unqueued_usage();
  end if;
  with taken as (
    delete from rollup.usage_changes
    where ctid = any (array(select ctid from rollup.usage_changes limit p_limit))
    returning *, date_trunc('day', reserved_at, 'UTC') as day, date_trunc('month', reserved_at, 'UTC') as month,
      -- Only an exchange makes a conversation: the first run of one that failed leaves none behind.
      case when is_new_session and outcome in ('completed', 'client_gone', 'late') then runs else 0 end as new_sessions
  ),
  in_days as (
    insert into rollup.usage_days as d (
      day, model, tier, outcome, runs, comparisons, simulated_runs, new_sessions, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, tokens_beyond_hold, credits, cost_usd, budget_usd, duration_ms)
    select day, model, tier, outcome, sum(runs), coalesce(sum(runs) filter (where is_comparison), 0),
      coalesce(sum(runs) filter (where is_simulated), 0), sum(new_sessions), sum(input_tokens), sum(output_tokens),
      sum(cache_read_tokens), sum(cache_write_tokens), sum(tokens_beyond_hold), sum(credits), sum(cost_usd), sum(budget_usd), sum(duration_ms)
    from taken
    group by day, model, tier, outcome
    on conflict (day, model, tier, outcome) do update
    set runs = d.runs + excluded.runs,
      comparisons = d.comparisons + excluded.comparisons,
      simulated_runs = d.simulated_runs + excluded.simulated_runs,
      new_sessions = d.new_sessions + excluded.new_sessions,
      input_tokens = d.input_tokens + excluded.input_tokens,
      output_tokens = d.output_tokens + excluded.output_tokens,
      cache_read_tokens = d.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
      tokens_beyond_hold = d.tokens_beyond_hold + excluded.tokens_beyond_hold,
      credits = d.credits + excluded.credits,
      cost_usd = d.cost_usd + excluded.cost_usd,
      budget_usd = d.budget_usd + excluded.budget_usd,
      duration_ms = d.duration_ms + excluded.duration_ms
  ),
  in_totals as (
    insert into rollup.usage_totals as t (
      model, tier, outcome, runs, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, credits, cost_usd, budget_usd, duration_ms,
      taken_back_runs, taken_back_cost_usd)
    select model, tier, outcome, sum(runs), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
      sum(credits), sum(cost_usd), sum(budget_usd), sum(duration_ms),
      coalesce(-sum(runs) filter (where runs < 0), 0), coalesce(-sum(cost_usd) filter (where runs < 0), 0)
    from taken
    group by model, tier, outcome
    on conflict (model, tier, outcome) do update
    set runs = t.runs + excluded.runs,
      input_tokens = t.input_tokens + excluded.input_tokens,
      output_tokens = t.output_tokens + excluded.output_tokens,
      cache_read_tokens = t.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = t.cache_write_tokens + excluded.cache_write_tokens,
      credits = t.credits + excluded.credits,
      cost_usd = t.cost_usd + excluded.cost_usd,
      budget_usd = t.budget_usd + excluded.budget_usd,
      duration_ms = t.duration_ms + excluded.duration_ms,
      taken_back_runs = t.taken_back_runs + excluded.taken_back_runs,
      taken_back_cost_usd = t.taken_back_cost_usd + excluded.taken_back_cost_usd
  ),
  of_users as (
    insert into rollup.user_totals as u (user_id, runs, credits, cost_usd, budget_usd, first_run_at, last_run_at)
    select user_id, sum(runs), sum(credits), sum(cost_usd), sum(budget_usd), min(reserved_at), max(reserved_at)
    from taken
    group by user_id
    on conflict (user_id) do update
    set runs = u.runs + excluded.runs,
      credits = u.credits + excluded.credits,
      cost_usd = u.cost_usd + excluded.cost_usd,
      budget_usd = u.budget_usd + excluded.budget_usd,
      first_run_at = least(u.first_run_at, excluded.first_run_at),
      last_run_at = greatest(u.last_run_at, excluded.last_run_at)
  ),
  -- People are counted where their runs begin, and taken off where none is left: what a row has less what it got is what it had.
  user_months_taken as (
    select month, user_id, sum(runs) as runs, sum(credits) as credits, sum(cost_usd) as cost_usd, sum(budget_usd) as budget_usd
    from taken
    group by month, user_id
  ),
  of_user_months as (
    insert into rollup.user_months as m (month, user_id, runs, credits, cost_usd, budget_usd)
    select month, user_id, runs, credits, cost_usd, budget_usd
    from user_months_taken
    on conflict (month, user_id) do update
    set runs = m.runs + excluded.runs,
      credits = m.credits + excluded.credits,
      cost_usd = m.cost_usd + excluded.cost_usd,
      budget_usd = m.budget_usd + excluded.budget_usd
    returning month, user_id, runs
  ),
  in_people_months as (
    insert into rollup.people_months as p (month, people)
    select month, sum((m.runs > 0)::integer - (m.runs - t.runs > 0)::integer)
    from of_user_months as m
    join user_months_taken as t using (month, user_id)
    group by month
    on conflict (month) do update set people = p.people + excluded.people
  ),
  user_days_taken as (
    select day, user_id, sum(runs) as runs
    from taken
    group by day, user_id
  ),
  of_user_days as (
    insert into rollup.user_days as d (day, user_id, runs)
    select day, user_id, runs
    from user_days_taken
    on conflict (day, user_id) do update set runs = d.runs + excluded.runs
    returning day, user_id, runs
  ),
  in_people_days as (
    insert into rollup.people_days as p (day, people)
    select day, sum((d.runs > 0)::integer - (d.runs - t.runs > 0)::integer)
    from of_user_days as d
    join user_days_taken as t using (day, user_id)
    group by day
    on conflict (day) do update set people = p.people + excluded.people
  ),
  of_package_days as (
    insert into rollup.package_days as d (day, package_id, runs, comparisons, credits, cost_usd)
    select day, package_id, sum(runs), coalesce(sum(runs) filter (where is_comparison), 0), sum(credits), sum(cost_usd)
    from taken
    group by day, package_id
    on conflict (day, package_id) do update
    set runs = d.runs + excluded.runs,
      comparisons = d.comparisons + excluded.comparisons,
      credits = d.credits + excluded.credits,
      cost_usd = d.cost_usd + excluded.cost_usd
  ),
  package_users_taken as (
    select package_id, user_id, sum(runs) as runs, coalesce(sum(runs) filter (where is_comparison), 0) as comparisons, sum(credits) as credits,
      sum(cost_usd) as cost_usd
    from taken
    group by package_id, user_id
  ),
  of_package_users as (
    insert into rollup.package_users as u (package_id, user_id, runs)
    select package_id, user_id, runs
    from package_users_taken
    on conflict (package_id, user_id) do update set runs = u.runs + excluded.runs
    returning package_id, user_id, runs
  ),
  of_packages as (
    insert into rollup.package_totals as p (package_id, runs, comparisons, credits, cost_usd, people)
    select package_id, sum(t.runs), sum(t.comparisons), sum(t.credits), sum(t.cost_usd),
      sum((u.runs > 0)::integer - (u.runs - t.runs > 0)::integer)
    from package_users_taken as t
    join of_package_users as u using (package_id, user_id)
    group by package_id
    on conflict (package_id) do update
    set runs = p.runs + excluded.runs,
      comparisons = p.comparisons + excluded.comparisons,
      credits = p.credits + excluded.credits,
      cost_usd = p.cost_usd + excluded.cost_usd,
      people = p.people + excluded.people
  )
  select count(*) into v_rows
  from taken;
  perform engine.note_refresh('usage', engine.now(), v_rows, clock_timestamp() - v_started_at);
  return v_rows;
end $$;
comment on function engine.roll_up_usage(bigint) is
  'Takes the model calls that are new, and the corrections, into the sums of rollup, at most p_limit of them when that is given, and returns how many rows that were. All or nothing with the transaction; one at a time.';

create or replace function engine.note_refresh(p_name text, p_instant timestamptz, p_rows bigint, p_duration interval)
returns void
language sql volatile
as $$
  insert into rollup.refreshes (name, refreshed_at, rows_read, duration)
  values (p_name, p_instant, p_rows, p_duration)
  on conflict (name) do update set refreshed_at = excluded.refreshed_at, rows_read = excluded.rows_read, duration = excluded.duration
$$;
comment on function engine.note_refresh(text, timestamptz, bigint, interval) is
  'Notes that a cache, or the sums of usage or ledger, are as of an instant; the rows that were new, where known, and how long it took by the machine''s watch.';

create or replace function engine.roll_up(p_limit bigint default null)
returns bigint
language plpgsql volatile
as $$
begin
  return greatest(engine.roll_up_usage(p_limit), engine.roll_up_ledger(p_limit));
end $$;
comment on function engine.roll_up(bigint) is
  'Takes what is new into the sums of rollup, at most p_limit rows of each queue when that is given, and returns how many rows the longer one gave.';
