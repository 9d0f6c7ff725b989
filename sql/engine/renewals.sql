-- Periods that paid invoices confirm, in whatever order they are heard of: what one brings, and what of it rolls over or
-- expires when the next is paid, is computed from Stripe's own times.

create or replace function engine.confirm_period(
  p_account_id uuid, p_subscription_id uuid, p_invoice_id text, p_start timestamptz, p_end timestamptz, p_paid_at timestamptz, p_instant timestamptz)
returns boolean
language plpgsql volatile
as $$
declare
  v_plan record;
  v_before playground.periods;
  v_after playground.periods;
  v_number bigint;
  v_grant_id bigint;
begin
  if exists (
    select from playground.periods
    where account_id = p_account_id and subscription_id = p_subscription_id and period_start < p_end and period_end > p_start)
  then
    return false;
  end if;
  select p.name, p.monthly_credits into strict v_plan
  from playground.subscriptions s
  join playground.plan_prices using (plan_price)
  join playground.plans p using (plan)
  where s.account_id = p_account_id and s.subscription_id = p_subscription_id;
  select * into v_before
  from playground.periods
  where account_id = p_account_id and subscription_id = p_subscription_id and period_end <= p_start
  order by period_end desc
  limit 1;
  select * into v_after
  from playground.periods
  where account_id = p_account_id and subscription_id = p_subscription_id and period_start >= p_end
  order by period_start
  limit 1;

  if v_before.grant_id is not null then
    perform engine.close_period(v_before, p_end, p_paid_at, p_instant);
  end if;
  if v_plan.monthly_credits > 0 then
    v_number := engine.add_grant(
      p_account_id, p_instant, least(p_paid_at, p_instant), 'monthly', 'period', v_plan.monthly_credits, 'monthly', v_plan.name || ' monthly credits',
      p_expires_at => p_end, p_subscription_id => p_subscription_id,
      p_metadata => jsonb_build_object('periodStart', engine.iso(p_start), 'periodEnd', engine.iso(p_end)));
    v_grant_id := (select grant_id from playground.transaction_parts where account_id = p_account_id and number = v_number);
  end if;
  insert into playground.periods (account_id, subscription_id, period_start, period_end, number, grant_id, confirmed_at, paid_at, invoice_id)
  values (
    p_account_id, p_subscription_id, p_start, p_end,
    (select periods + 1 from playground.subscriptions where account_id = p_account_id and subscription_id = p_subscription_id),
    v_grant_id, p_instant, p_paid_at, p_invoice_id);
  update playground.subscriptions
  set periods = periods + 1, period_end = greatest(period_end, p_end)
  where account_id = p_account_id and subscription_id = p_subscription_id;
  if v_after.period_start is null then
    -- The last one so far: how long it lives is a matter of the plan's state.
    perform engine.refresh_subscription(p_account_id, p_subscription_id, p_instant);
  elsif v_grant_id is not null then
    -- A later one was confirmed before: this one is over as it would have been then.
    perform engine.close_period(
      (select p from playground.periods p where p.account_id = p_account_id and p.subscription_id = p_subscription_id and p.period_start = p_start),
      v_after.period_end, v_after.paid_at, p_instant);
    perform engine.catch_up(p_account_id, p_instant);
  end if;
  return true;
end $$;
comment on function engine.confirm_period(uuid, uuid, text, timestamptz, timestamptz, timestamptz, timestamptz) is
  'A paid invoice confirms a period: the month is granted once, and what the period before has left rolls over if the invoice was paid within its grace. Periods may come in any order. False, and nothing happens, when it overlaps a confirmed one. The account is locked and caught up by the caller.';

create or replace function engine.close_period(
  p_period playground.periods, p_next_end timestamptz, p_next_paid_at timestamptz, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_account_id constant uuid := p_period.account_id;
  v_grace constant interval := (select renewal_grace from playground.platform_settings);
  v_effective_at constant timestamptz := least(greatest(p_next_paid_at, p_period.period_end), p_instant);
  v_grant playground.grants;
begin
  select * into strict v_grant from playground.grants where account_id = v_account_id and grant_id = p_period.grant_id;
  if p_next_paid_at > p_period.period_end + v_grace then
    -- Nobody renewed in time: expired, and stays so.
    update playground.grants
    set expires_at = p_period.period_end + v_grace, expired_at = case when expired_at is not null then p_period.period_end + v_grace end
    where account_id = v_account_id and grant_id = v_grant.grant_id;
    perform engine.expire_grant(v_account_id, v_grant.grant_id, p_instant, p_period.period_end + v_grace);
    return;
  end if;
  if v_grant.expired_at is not null then
    -- Paid in time, heard of late.
    perform engine.revive_grant(v_account_id, v_grant.grant_id, p_instant);
  end if;
  update playground.grants
  set expires_at = v_effective_at, suspended = 0,
    unavailable_until = case when suspended > 0 then p_instant else unavailable_until end
  where account_id = v_account_id and grant_id = v_grant.grant_id;

  perform engine.roll_on(p_period, p_next_end, p_instant, v_effective_at);
  -- A dispute of its payment follows the credits.
  perform engine.suspend(y, p_instant) from playground.payments y where y.account_id = v_account_id and y.invoice_id = p_period.invoice_id;
end $$;
comment on function engine.close_period(playground.periods, timestamptz, timestamptz, timestamptz) is
  'Ends a period because the next one is confirmed: unused credits (not held) roll over up to the cap until p_next_end if the next invoice was paid by period end + renewal_grace, the rest expires.';

create or replace function engine.roll_on(
  p_period playground.periods, p_next_end timestamptz, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_account_id constant uuid := p_period.account_id;
  v_unused bigint := (select remaining - held from playground.grants where account_id = v_account_id and grant_id = p_period.grant_id);
  v_room bigint := (
    select p.rollover_cap
    from playground.subscriptions s
    join playground.plan_prices using (plan_price)
    join playground.plans p using (plan)
    where s.account_id = v_account_id and s.subscription_id = p_period.subscription_id)
    - (select coalesce(sum(granted), 0) from playground.grants where account_id = v_account_id and from_grant_id = p_period.grant_id);
begin
  if least(v_room, v_unused) > 0 then
    perform engine.add_grant(
      v_account_id, p_instant, p_effective_at, 'rollover', 'rollover', least(v_room, v_unused), 'rollover', 'Unused monthly credits rolled over',
      p_expires_at => p_next_end, p_subscription_id => p_period.subscription_id, p_from_grant_id => p_period.grant_id);
  end if;
  perform engine.expire_grant(v_account_id, p_period.grant_id, p_instant, p_effective_at);
end $$;
comment on function engine.roll_on(playground.periods, timestamptz, timestamptz, timestamptz) is
  'What is unused (not held) of a period that was renewed rolls over up to the cap until p_next_end, the rest expires. Safe to repeat when more comes back.';

create or replace function engine.revive_grant(p_account_id uuid, p_grant_id bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_first bigint := (select min(number) from playground.transaction_parts where account_id = p_account_id and grant_id = p_grant_id);
  v_expired bigint := (
    select -coalesce(sum(p.amount), 0)
    from playground.transaction_parts p
    join playground.transactions t using (account_id, number)
    where p.account_id = p_account_id and p.grant_id = p_grant_id and p.number <> v_first and t.type in ('expire', 'monthly'));
begin
  update playground.grants
  set expired_at = null, unavailable_until = p_instant
  where account_id = p_account_id and grant_id = p_grant_id;
  if v_expired > 0 then
    perform engine.post_transaction(
      p_account_id, p_instant, p_instant, 'monthly', 'Monthly credits restored: the plan went on', array[p_grant_id], array[v_expired]);
    -- A refund that found them expired finds them now.
    perform engine.collect(p_account_id, y.payment_intent_id, p_instant)
    from playground.periods p
    join playground.payments y on y.account_id = p.account_id and y.invoice_id = p.invoice_id
    where p.account_id = p_account_id and p.grant_id = p_grant_id and y.owed > y.taken;
  end if;
end $$;
comment on function engine.revive_grant(uuid, bigint, timestamptz) is
  'Takes the expiry of monthly credits back: news of the plan that made it wrong came late. What had expired of them, and was not restored before, returns.';

create or replace function engine.expire_given_back(p_account_id uuid, p_grant_id bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_period playground.periods;
  v_next playground.periods;
begin
  select * into v_period from playground.periods where account_id = p_account_id and grant_id = p_grant_id;
  select * into v_next
  from playground.periods
  where account_id = p_account_id and subscription_id = v_period.subscription_id and period_start >= v_period.period_end
  order by period_start
  limit 1;
  -- Had the credits been there at the renewal, they would have rolled over.
  if v_next.period_end > p_instant
    and v_next.paid_at <= v_period.period_end + (select renewal_grace from playground.platform_settings)
  then
    perform engine.roll_on(v_period, v_next.period_end, p_instant, p_instant);
  else
    perform engine.expire_grant(p_account_id, p_grant_id, p_instant, p_instant);
  end if;
end $$;
comment on function engine.expire_given_back(uuid, bigint, timestamptz) is
  'What was given back to a grant that has expired expires at once, or goes where it would be had it never been taken: to the rollover of the renewal.';
