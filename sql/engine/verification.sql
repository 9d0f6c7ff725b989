-- The invariants of the books, one function a subject: no row is good. All stable: they read one snapshot, the caller's.
-- p_since: only accounts that a call has touched since then; null: all.

create or replace function engine.verify_grants(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with checked as (
    select g.*,
      coalesce((select sum(p.amount) from playground.transaction_parts p where p.account_id = g.account_id and p.grant_id = g.grant_id), 0) as posted,
      (select max(p.number) from playground.transaction_parts p where p.account_id = g.account_id and p.grant_id = g.grant_id) as last_part,
      coalesce((
        select sum(p.credits)
        from playground.hold_parts p
        join playground.holds h using (account_id, hold_id)
        where p.account_id = g.account_id and p.grant_id = g.grant_id and h.status = 'open'), 0) as held_open
    from playground.grants g
    join playground.accounts a using (account_id)
    where p_since is null or a.last_instant >= p_since
  )
  select 'grant_remaining_is_its_parts', account_id, format('grant %s: remaining %s, parts %s', grant_id, remaining, posted)
  from checked where remaining <> posted
  union all
  select 'grant_is_bounded', account_id, format('grant %s: held %s, suspended %s, remaining %s, granted %s', grant_id, held, suspended, remaining, granted)
  from checked where not (0 <= held and held <= remaining and remaining <= granted and 0 <= suspended and suspended <= remaining)
  union all
  select 'grant_held_is_open_holds', account_id, format('grant %s: held %s, open holds %s', grant_id, held, held_open)
  from checked where held <> held_open
  union all
  select 'grant_expired_is_empty', account_id, format('grant %s: expired at %s, %s left unheld', grant_id, expired_at, remaining - held)
  from checked where expired_at is not null and remaining > held
  union all
  select 'grant_knows_its_last_line', account_id, format('grant %s: last changed by %s, its last part is of %s', grant_id, last_number, last_part)
  from checked where last_number is distinct from last_part
$$;
comment on function engine.verify_grants(timestamptz) is 'Violations in grants: what remains, is held, and has expired.';

create or replace function engine.verify_accounts(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with touched as (
    select a.*, engine.next_due_at(a.account_id) as true_due_at,
      coalesce((select sum(remaining) from playground.grants g where g.account_id = a.account_id), 0) as remaining,
      coalesce((select sum(budget_held_usd) from playground.holds h where h.account_id = a.account_id and h.status = 'open'), 0) as budget_open_usd
    from playground.accounts a
    where p_since is null or a.last_instant >= p_since
  ), line as (
    select t.account_id, t.number, t.amount, t.balance_after, t.effective_at, t.posted_at,
      lag(t.number, 1, 0::bigint) over in_order as before_number,
      lag(t.balance_after::bigint, 1, 0::bigint) over in_order as before_balance,
      lag(t.effective_at) over in_order as before_effective_at,
      lag(t.posted_at) over in_order as before_posted_at,
      (select sum(p.amount) from playground.transaction_parts p where p.account_id = t.account_id and p.number = t.number) as parts
    from playground.transactions t
    join touched using (account_id)
    window in_order as (partition by t.account_id order by t.number)
  ), total as (
    select account_id, count(*) as lines, max(number) as last_number, sum(amount) as amount, sum(balance_after) filter (where is_last) as last_balance
    from (select *, number = max(number) over (partition by account_id) as is_last from line) as numbered
    group by account_id
  )
  select 'transactions_have_no_gaps', account_id, format('number %s follows %s', number, before_number) from line where number <> before_number + 1
  union all
  select 'balance_follows_amounts', account_id, format('number %s: %s after %s, amount %s', number, balance_after, before_balance, amount)
  from line where balance_after <> before_balance + amount
  union all
  select 'time_never_runs_backwards', account_id, format('number %s: effective %s after %s, posted %s after %s', number, effective_at, before_effective_at, posted_at, before_posted_at)
  from line where effective_at < before_effective_at or posted_at < before_posted_at
  union all
  select 'transaction_is_its_parts', account_id, format('number %s: amount %s, parts %s', number, amount, parts) from line where parts is distinct from amount
  union all
  select 'balance_is_what_remains', t.account_id,
    format('account %s at number %s, amounts %s, last balance_after %s, grants %s', t.last_balance, t.last_number, coalesce(s.amount, 0), s.last_balance, t.remaining)
  from touched t
  left join total s using (account_id)
  where t.last_balance <> t.remaining or t.last_balance <> coalesce(s.amount, 0) or t.last_balance <> coalesce(s.last_balance, 0)
    or t.last_number <> coalesce(s.last_number, 0)
  union all
  select 'due_is_known', account_id, format('next due at %s, known as %s', true_due_at, next_due_at) from touched where next_due_at > true_due_at
  union all
  select 'budget_held_is_open_holds', account_id, format('held %s, open holds %s', cost_budget_held_usd, budget_open_usd)
  from touched where cost_budget_held_usd <> budget_open_usd
$$;
comment on function engine.verify_accounts(timestamptz) is 'Violations in accounts and their history: numbers, balances, times, what is due, bought cost budget held.';

create or replace function engine.verify_holds(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  -- One pass: a hold is read once with its parts, its transaction and its usage, and told of by each invariant it breaks.
  select violated.invariant, h.account_id, violated.detail
  from playground.holds h
  join playground.accounts a using (account_id)
  left join playground.transactions t on t.account_id = h.account_id and t.number = h.spend_number
  left join playground.usage u on u.account_id = h.account_id and u.reserved_at = h.reserved_at and u.hold_id = h.hold_id
  cross join lateral (
    select coalesce(sum(x.credits), 0) as credits from playground.hold_parts x where x.account_id = h.account_id and x.hold_id = h.hold_id) as part
  cross join lateral (
    select 'hold_is_its_parts', format('hold %s: %s, parts %s', h.hold_id, h.credits, part.credits)
    where h.credits <> part.credits
    union all
    select 'charge_is_its_transaction', format('hold %s: held %s, charged %s, transaction %s of %s', h.hold_id, h.credits, h.charged, h.spend_number, t.amount)
    where h.charged > h.credits or coalesce(h.charged, 0) <> -coalesce(t.amount, 0) or (h.spend_number is not null and t.hold_id is distinct from h.hold_id)
    union all
    select 'hold_has_one_usage', format('hold %s: %s, %s usage rows of %s credits', h.hold_id, h.status, num_nonnulls(u.hold_id), u.credits)
    where h.reserved_at >= (select engine.kept_since('usage'))
      and ((u.hold_id is null) <> (h.status = 'open' or coalesce(h.outcome = 'not_called', false)) or coalesce(u.credits, 0) <> coalesce(h.charged, 0))
  ) as violated (invariant, detail)
  where p_since is null or (a.last_instant >= p_since and (h.status = 'open' or h.reserved_at >= p_since - interval '1 day'))
  union all
  -- Whatever p_since says: nobody touches the account of a hold that was forgotten. Open holds are few, and have an index.
  select 'hold_ends_in_time', h.account_id, format('hold %s: open, expired at %s', h.hold_id, h.expires_at)
  from playground.holds h
  where h.status = 'open' and h.expires_at + interval '2 minutes' < engine.now()
  union all
  select 'spend_has_one_hold', t.account_id, format('number %s: spend of hold %s', t.number, t.hold_id)
  from playground.transactions t
  join playground.accounts a using (account_id)
  left join playground.holds h on h.account_id = t.account_id and h.hold_id = t.hold_id and h.spend_number = t.number
  where t.type = 'spend' and h.hold_id is null
    and (p_since is null or (a.last_instant >= p_since and t.posted_at >= p_since - interval '1 day'))
  union all
  select 'answer_runs_with_its_hold', h.account_id, format('answer of hold %s is still running, the hold is %s', h.hold_id, h.status)
  from playground.answers x
  join playground.users u using (user_id)
  join playground.holds h on h.account_id = u.account_id and h.hold_id = x.hold_id
  where x.operation = 'run' and x.state = 'running' and h.status <> 'open' and (p_since is null or x.created_at >= p_since - interval '1 day')
$$;
comment on function engine.verify_holds(timestamptz) is 'Violations in holds: their parts, their charge, their usage as long as that is kept, their end.';

create or replace function engine.verify_burn_order(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with part as materialized (
    select p.account_id, p.hold_id, p.grant_id, p.credits, h.reserved_at,
      engine.burn_rank(g.bucket) as rank, coalesce(g.expires_at, 'infinity') as expires_at, g.granted_at,
      row_number() over (partition by p.account_id order by h.reserved_at) as n
    from playground.holds h
    join playground.accounts a using (account_id)
    join playground.hold_parts p using (account_id, hold_id)
    join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
    where p_since is null or (a.last_instant >= p_since and h.reserved_at >= p_since)
  ), calendar as materialized (
    select account_id, array_agg(reserved_at order by n) as instants
    from part
    group by account_id
  ), lot as (
    -- A grant that is empty and was last changed before a hold was empty then.
    select g.*, c.instants,
      least(coalesce(g.expires_at, 'infinity'), coalesce(g.expired_at, 'infinity'), coalesce(l.posted_at, 'infinity')) as used_up_at
    from playground.grants g
    join calendar c using (account_id)
    left join playground.transactions l on g.remaining = 0 and l.account_id = g.account_id and l.number = g.last_number
    where g.suspended = 0
  ), pair as materialized (
    -- Only holds of the time in which a grant had credits are looked up, by their place in the calendar: comparing each
    -- hold with each grant would grow with the square of a history.
    select part.*, lot.grant_id as earlier_grant_id
    from lot
    cross join lateral generate_series(
      width_bucket(lot.granted_at - interval '1 microsecond', lot.instants) + 1, width_bucket(lot.used_up_at, lot.instants)) as place (n)
    join part on part.account_id = lot.account_id and part.n = place.n
    where part.grant_id <> lot.grant_id
      and (lot.unavailable_until is null or lot.unavailable_until < part.reserved_at)
      and (lot.expires_at is null or lot.expires_at > part.reserved_at) and (lot.expired_at is null or lot.expired_at > part.reserved_at)
      and (engine.burn_rank(lot.bucket), coalesce(lot.expires_at, 'infinity'), lot.granted_at, lot.grant_id)
        < (part.rank, part.expires_at, part.granted_at, part.grant_id)
  ), wanted as (
    select account_id, array_agg(distinct earlier_grant_id) as grant_ids
    from pair
    group by account_id
  ), held as materialized (
    -- What holds had of these grants, together: looked up for each pair below. One reading of an account's holds, by key.
    select wanted.account_id, had.grant_id, had.credits, had.reserved_at, had.closed_at
    from wanted
    cross join lateral (
      select y.grant_id, array_agg(y.credits::bigint) as credits, array_agg(o.reserved_at) as reserved_at,
        array_agg(coalesce(o.closed_at, 'infinity')) as closed_at
      from playground.hold_parts y
      join playground.holds o on o.account_id = wanted.account_id and o.hold_id = y.hold_id
      where y.account_id = wanted.account_id and y.grant_id = any (wanted.grant_ids)
      group by y.grant_id
    ) as had
  )
  select 'burn_order_is_kept', pair.account_id,
    format('hold %s took %s of grant %s before grant %s was used up', pair.hold_id, pair.credits, pair.grant_id, pair.earlier_grant_id)
  from pair
  left join held on held.account_id = pair.account_id and held.grant_id = pair.earlier_grant_id
  -- While a clock that was set back catches up, all calls of an account have one instant, and nothing tells whether what
  -- came at the hold's own instant came before it: it counts neither as there nor as free.
  where (
      select sum(x.amount)
      from playground.transaction_parts x
      join playground.transactions t using (account_id, number)
      where x.account_id = pair.account_id and x.grant_id = pair.earlier_grant_id
        and (t.posted_at < pair.reserved_at or t.posted_at = pair.reserved_at and x.amount < 0))
    > (
      select coalesce(sum(y.credits), 0)
      from unnest(held.credits, held.reserved_at, held.closed_at) as y (credits, reserved_at, closed_at)
      where y.reserved_at <= pair.reserved_at and y.closed_at >= pair.reserved_at)
$$;
comment on function engine.verify_burn_order(timestamptz) is
  'Holds that took of a later grant while an earlier one (monthly, rollover, purchased; soonest expiry, oldest) had free credits at that instant. Left out are grants that are suspended, and what lies before the last end of a suspension: its history is not kept.';

create or replace function engine.verify_periods(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with checked as (
    select p.*, g.granted, g.subscription_id as granted_for, g.bucket,
      count(*) over (partition by p.account_id, p.grant_id) as periods_of_grant,
      lag(p.period_end) over (partition by p.account_id, p.subscription_id order by p.period_start) as before_end
    from playground.periods p
    join playground.accounts a using (account_id)
    left join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
    where p_since is null or a.last_instant >= p_since
  )
  select 'period_is_granted_once', account_id, format('subscription %s from %s: grant %s', subscription_id, period_start, grant_id)
  from checked
  where period_start < before_end
    or (grant_id is not null and (periods_of_grant > 1 or bucket is distinct from 'monthly' or granted_for is distinct from subscription_id))
  union all
  select 'period_is_granted_once', g.account_id, format('grant %s of subscription %s belongs to no period', g.grant_id, g.subscription_id)
  from playground.grants g
  join playground.accounts a using (account_id)
  where g.bucket = 'monthly' and (p_since is null or a.last_instant >= p_since)
    and not exists (select from playground.periods p where p.account_id = g.account_id and p.grant_id = g.grant_id)
$$;
comment on function engine.verify_periods(timestamptz) is 'Periods granted twice, overlapping or without their grant, and monthly grants without a period.';

create or replace function engine.verify_windows(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with run as (
    select h.user_id, h.reserved_at, case when h.status = 'open' then h.cost_held_usd else 0 end as open_usd,
      case when h.status = 'open' then h.budget_held_usd else 0 end as budget_open_usd,
      case when h.status = 'released' then 0 else 1 end as runs, coalesce(u.cost_usd - u.budget_usd, 0) as cost_usd, coalesce(u.budget_usd, 0) as budget_usd
    from playground.holds h
    join playground.accounts a using (account_id)
    left join playground.usage u on u.account_id = h.account_id and u.reserved_at = h.reserved_at and u.hold_id = h.hold_id
    where h.reserved_at >= (select engine.kept_since('usage'))
      and (p_since is null or (a.last_instant >= p_since and h.reserved_at >= date_trunc('month', p_since, 'UTC')))
  ), counted as (
    select user_id, kind, date_trunc(kind, reserved_at, 'UTC') as starts_at, sum(cost_usd) as cost_usd, sum(open_usd) as open_usd, sum(runs) as runs,
      sum(budget_usd) as budget_usd, sum(budget_open_usd) as budget_open_usd
    from run
    cross join unnest(array['hour', 'day', 'month']) as kind
    group by 1, 2, 3
  ), kept as (
    select w.*
    from playground.cost_windows w
    where w.starts_at >= (select engine.kept_since('usage'))
      and (p_since is null or (
        w.starts_at >= date_trunc('month', p_since, 'UTC')
        and exists (
          select from playground.users u join playground.accounts a using (account_id) where u.user_id = w.user_id and a.last_instant >= p_since)))
  )
  select 'window_is_its_runs', u.account_id,
    format('%s %s of user %s: cost %s, open %s, budget %s, its open %s, runs %s; its runs make %s, %s, %s, %s, %s',
      coalesce(k.kind, c.kind), coalesce(k.starts_at, c.starts_at), coalesce(k.user_id, c.user_id),
      k.cost_usd, k.open_usd, k.budget_usd, k.budget_open_usd, k.runs, c.cost_usd, c.open_usd, c.budget_usd, c.budget_open_usd, c.runs)
  from kept k
  full join counted c on c.user_id = k.user_id and c.kind = k.kind and c.starts_at = k.starts_at
  left join playground.users u on u.user_id = coalesce(k.user_id, c.user_id)
  -- Hours and days are purged when they are old; months stay.
  where (k.user_id is not null or c.kind = 'month')
    and (coalesce(k.cost_usd, 0), coalesce(k.open_usd, 0), coalesce(k.budget_usd, 0), coalesce(k.budget_open_usd, 0), coalesce(k.runs, 0))
      <> (coalesce(c.cost_usd, 0), coalesce(c.open_usd, 0), coalesce(c.budget_usd, 0), coalesce(c.budget_open_usd, 0), coalesce(c.runs, 0))
$$;
comment on function engine.verify_windows(timestamptz) is 'Cost windows that are not the sum of the runs that belong to them: final cost and what the bought budget paid of it (US dollars), cost held open, runs counted. Months whose usage is not kept are left out.';
