-- Plans and their periods. A plan set by hand is confirmed by the clock (engine.catch_up); one of Stripe by a paid invoice.

create or replace function engine.month_after(p_anchor timestamptz, p_months integer)
returns timestamptz
language sql immutable
as $$ select (p_anchor at time zone 'UTC' + make_interval(months => p_months)) at time zone 'UTC' $$;
comment on function engine.month_after(timestamptz, integer) is
  'Anchor + n months in UTC, always counted from the anchor: Jan 31, Feb 28, Mar 31. The plain sum would depend on the session''s time zone.';

create or replace function engine.start_subscription(
  p_account_id uuid, p_plan_price text, p_anchor timestamptz, p_instant timestamptz)
returns uuid
language plpgsql volatile
as $$
declare
  v_subscription_id uuid := gen_random_uuid();
  v_periods integer := 0;
begin
  if exists (select from playground.subscriptions where account_id = p_account_id and ended_at is null and status <> 'incomplete') then
    perform engine.refuse('SCD05', 'A plan is already live on this account.');
  end if;
  -- The months of an anchor in the past that are over by now were never paid for: they grant nothing.
  if p_anchor <= p_instant then
    v_periods := greatest(0, (extract(year from age(p_instant at time zone 'UTC', p_anchor at time zone 'UTC')) * 12
      + extract(month from age(p_instant at time zone 'UTC', p_anchor at time zone 'UTC')))::integer - 1);
    while engine.month_after(p_anchor, v_periods + 1) <= p_instant loop
      v_periods := v_periods + 1;
    end loop;
  end if;
  insert into playground.subscriptions (
    account_id, subscription_id, plan_price, source, status, anchor, periods, period_end, created_at)
  values (
    p_account_id, v_subscription_id, p_plan_price, 'operator', 'active', p_anchor, v_periods,
    engine.month_after(p_anchor, v_periods), p_instant);
  perform engine.catch_up(p_account_id, p_instant);
  return v_subscription_id;
end $$;
comment on function engine.start_subscription(uuid, text, timestamptz, timestamptz) is
  'Begins a plan by hand; its first period is the one of the anchor''s months that contains the instant; an anchor to come waits. SCD05 when a plan is live. The account is locked by the caller.';

create or replace function engine.roll_over(
  p_account_id uuid, p_subscription_id uuid, p_period_end timestamptz, p_cap bigint, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant record;
  v_room bigint := p_cap;
  v_rolled bigint;
begin
  for v_grant in
    select grant_id, bucket, remaining - held as unused
    from playground.grants
    where account_id = p_account_id and subscription_id = p_subscription_id and expired_at is null
    order by engine.burn_rank(bucket) desc, grant_id
  loop
    -- Rollover lots of the period before come first in this order: they expire; unused monthly credits take their place.
    if v_grant.bucket = 'monthly' then
      v_rolled := least(v_room, v_grant.unused);
      if v_rolled > 0 then
        perform engine.add_grant(
          p_account_id, p_instant, p_effective_at, 'rollover', 'rollover', v_rolled, 'rollover',
          'Unused monthly credits rolled over', p_expires_at => p_period_end,
          p_subscription_id => p_subscription_id, p_from_grant_id => v_grant.grant_id);
        v_room := v_room - v_rolled;
      end if;
    end if;
    perform engine.expire_grant(p_account_id, v_grant.grant_id, p_instant, p_effective_at);
  end loop;
end $$;
comment on function engine.roll_over(uuid, uuid, timestamptz, bigint, timestamptz, timestamptz) is
  'Closes the period before: old rollover expires, unused monthly credits (not held) roll over up to the cap until p_period_end, the rest expires.';

create or replace function engine.start_period(
  p_account_id uuid, p_subscription_id uuid, p_start timestamptz, p_end timestamptz, p_expires_at timestamptz,
  p_instant timestamptz, p_effective_at timestamptz)
returns boolean
language plpgsql volatile
as $$
declare
  v_plan record;
  v_grant_number bigint;
begin
  if exists (
    select from playground.periods
    where account_id = p_account_id and subscription_id = p_subscription_id and period_start < p_end and period_end > p_start)
  then
    return false;
  end if;

  select p.name, p.monthly_credits, p.rollover_cap, s.periods into strict v_plan
  from playground.subscriptions s
  join playground.plan_prices using (plan_price)
  join playground.plans p using (plan)
  where s.account_id = p_account_id and s.subscription_id = p_subscription_id;

  perform engine.roll_over(p_account_id, p_subscription_id, p_end, v_plan.rollover_cap, p_instant, p_effective_at);
  if v_plan.monthly_credits > 0 then
    v_grant_number := engine.add_grant(
      p_account_id, p_instant, p_effective_at, 'monthly', 'period', v_plan.monthly_credits, 'monthly',
      v_plan.name || ' monthly credits', p_expires_at => p_expires_at, p_subscription_id => p_subscription_id,
      p_metadata => jsonb_build_object('periodStart', engine.iso(p_start), 'periodEnd', engine.iso(p_end)));
  end if;

  insert into playground.periods (account_id, subscription_id, period_start, period_end, number, grant_id, confirmed_at)
  values (p_account_id, p_subscription_id, p_start, p_end, v_plan.periods + 1,
    (select grant_id from playground.transaction_parts where account_id = p_account_id and number = v_grant_number), p_instant);
  update playground.subscriptions
  set periods = periods + 1, period_end = p_end
  where account_id = p_account_id and subscription_id = p_subscription_id;
  return true;
end $$;
comment on function engine.start_period(uuid, uuid, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) is
  'Confirms a period: rolls over what is unused and grants the month. False, and nothing happens, when it overlaps a confirmed one. The account is locked and caught up by the caller.';

create or replace function engine.end_subscription(p_account_id uuid, p_subscription_id uuid, p_instant timestamptz, p_ended_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant_id bigint;
begin
  update playground.subscriptions
  set status = 'canceled', ended_at = p_ended_at
  where account_id = p_account_id and subscription_id = p_subscription_id and ended_at is null;

  for v_grant_id in
    select grant_id
    from playground.grants
    where account_id = p_account_id and subscription_id = p_subscription_id and bucket = 'monthly' and expired_at is null
    order by grant_id
  loop
    update playground.grants
    set expires_at = least(expires_at, p_ended_at)
    where account_id = p_account_id and grant_id = v_grant_id;
    perform engine.expire_grant(p_account_id, v_grant_id, p_instant, p_ended_at);
  end loop;
end $$;
comment on function engine.end_subscription(uuid, uuid, timestamptz, timestamptz) is
  'Ends a plan at an instant: unused monthly credits expire, rollover keeps its expiry, purchased credits stay. The account is locked by the caller.';
