-- The invariants of the sums that analysts see. Stable, as those of engine/verification.sql; all is compared with all, so
-- nothing when p_since is given. What the sums do not hold yet stands in their queue, in the same snapshot.

create or replace function engine.verify_rollups(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with queued as (
    select p.amount, g.source::text as source, g.bucket::text as bucket
    from rollup.ledger_changes c
    join playground.transaction_parts p on p.account_id = c.account_id and p.number = c.number
    join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
    where p_since is null
  ), summed as (
    select source, bucket, sum(credits) as credits
    from (
      select source, bucket, credits_in - credits_out as credits from rollup.credit_months where p_since is null
      union all
      select source, bucket, amount from queued
    ) as flow
    group by 1, 2
  ), kept as (
    select source::text as source, bucket::text as bucket, sum(remaining) as credits
    from playground.grants
    where p_since is null
    group by 1, 2
  )
  select 'credit_flow_is_the_ledger', null::uuid,
    format('lots of %s in bucket %s: %s credits, their flows make %s',
      coalesce(k.source, s.source), coalesce(k.bucket, s.bucket), coalesce(k.credits, 0), coalesce(s.credits, 0))
  from kept k
  full join summed s on s.source = k.source and s.bucket = k.bucket
  where coalesce(k.credits, 0) <> coalesce(s.credits, 0)
  union all
  select 'credit_flow_is_the_ledger', null,
    format('%s lines make %s, the sums and their queue have %s lines of %s', a.lines, a.credits, m.lines + q.lines, m.credits + q.credits)
  from (select coalesce(sum(last_number), 0) as lines, coalesce(sum(last_balance), 0) as credits from playground.accounts where p_since is null) as a
  cross join (select coalesce(sum(lines), 0) as lines, coalesce(sum(amount), 0) as credits from rollup.line_months where p_since is null) as m
  cross join (
    select count(*) as lines, coalesce(sum(t.amount), 0) as credits
    from rollup.ledger_changes c
    join playground.transactions t on t.account_id = c.account_id and t.number = c.number
    where p_since is null
  ) as q
  where p_since is null and (a.lines <> m.lines + q.lines or a.credits <> m.credits + q.credits)
$$;
comment on function engine.verify_rollups(timestamptz) is
  'Violations between the ledger and the sums of its flows: credits of lots by source and bucket; lines, of which each counts once. Reads the sums, their queue, accounts and grants, never the history.';

create or replace function engine.verify_usage_sums(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with sum_of as (
    select kept.name, coalesce(sum(runs), 0) as runs, coalesce(sum(credits), 0) as credits, coalesce(sum(cost_usd), 0) as cost_usd
    from unnest(array['usage_totals', 'usage_days', 'user_totals', 'user_months', 'package_totals', 'package_days']) as kept (name)
    left join (
      select runs, credits, cost_usd, 'usage_totals' as name from rollup.usage_totals
      union all
      select runs, credits, cost_usd, 'usage_days' from rollup.usage_days
      union all
      select runs, credits, cost_usd, 'user_totals' from rollup.user_totals
      union all
      select runs, credits, cost_usd, 'user_months' from rollup.user_months
      union all
      select runs, credits, cost_usd, 'package_totals' from rollup.package_totals
      union all
      select runs, credits, cost_usd, 'package_days' from rollup.package_days
    ) as part using (name)
    where p_since is null
    group by kept.name
  ), in_windows as (
    select user_id, starts_at as month, cost_usd + budget_usd as cost_usd
    from playground.cost_windows
    where kind = 'month' and p_since is null
  ), in_sums as (
    select user_id, month, sum(cost_usd) as cost_usd
    from (
      select user_id, month, cost_usd from rollup.user_months
      union all
      select user_id, date_trunc('month', reserved_at, 'UTC'), cost_usd from rollup.usage_changes
    ) as added
    where p_since is null
    group by 1, 2
  )
  select 'usage_sums_are_the_runs', null::uuid,
    format('%s: %s runs, %s credits, cost %s; usage_totals: %s, %s, %s', s.name, s.runs, s.credits, s.cost_usd, t.runs, t.credits, t.cost_usd)
  from sum_of s
  join sum_of t on t.name = 'usage_totals'
  where (s.runs, s.credits, s.cost_usd) <> (t.runs, t.credits, t.cost_usd)
  union all
  select 'usage_sums_are_the_runs', null,
    format('month %s of user %s: its window cost %s, the sums and their queue %s',
      to_char(month at time zone 'UTC', 'YYYY-MM'), user_id, coalesce(w.cost_usd, 0), coalesce(s.cost_usd, 0))
  from in_windows w
  full join in_sums s using (user_id, month)
  where month >= (select engine.kept_since('usage'))
    and coalesce(w.cost_usd, 0) <> coalesce(s.cost_usd, 0)
$$;
comment on function engine.verify_usage_sums(timestamptz) is
  'Violations between runs and the sums of them: sums that should hold the same runs; API cost (US dollars) of months, which people''s windows know too (verify_windows compares these with usage). Months whose usage is not kept are left out. Reads the sums, their queue and windows, never usage.';
