-- Plans of Stripe. Their state is that of the newest event; their periods are what paid invoices say. Nothing here depends
-- on the order in which events come: what a paid period brings, and how it ends, is computed from Stripe's own times.

create or replace function engine.apply_subscription(
  p_event_id text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_new record := engine.read_subscription(p_object);
  v_kind text;
  v_account playground.accounts;
  v_old playground.subscriptions;
  v_live playground.subscriptions;
  v_plan_price text;
  v_subscription_id uuid;
  v_is_new boolean;
  v_is_live boolean;
  v_is_asked boolean;
  v_is_begun boolean;
begin
  state := 'parked';
  if v_new.stripe_subscription_id is null or v_new.rank is null then
    reason := 'malformed';
    return;
  end if;
  select i.kind into v_kind from playground.stripe_ids i where i.stripe_id = v_new.stripe_subscription_id;
  if v_kind = 'refused_subscription' then
    state := 'ignored';
    reason := v_kind;
    return;
  end if;
  select i.account_id into apply_subscription.account_id
  from playground.stripe_ids i
  where i.stripe_id = v_new.customer_id and i.kind = 'customer';
  if not found then
    reason := 'unknown_customer';
    waits_for := v_new.customer_id;
    return;
  end if;
  v_account := engine.touch_account(apply_subscription.account_id);
  reason := engine.payer_problem(v_account.account_id, v_new.customer_id);
  if reason is not null then
    return;
  end if;
  select * into v_old
  from playground.subscriptions s
  where s.account_id = v_account.account_id and s.stripe_subscription_id = v_new.stripe_subscription_id;
  v_is_new := not found;
  -- A price that nobody told us of must not hide that a plan we know goes on, is past due or ends.
  v_plan_price := coalesce(
    (select p.plan_price from playground.stripe_prices p where p.stripe_price_id = v_new.stripe_price_id), v_old.plan_price);
  if v_plan_price is null then
    reason := 'unknown_price';
    return;
  elsif (v_plan_price = 'verified') <> (v_account.kind = 'organization') then
    reason := 'wrong_payer';
    return;
  end if;

  v_is_live := v_new.status not in ('incomplete', 'canceled');
  state := 'handled';
  if not v_is_new and (
    v_old.status = 'canceled'
    -- The end is the end, whatever else was made in the same moment or is dated later.
    or v_new.status <> 'canceled' and (v_old.state_at, coalesce(v_old.state_period_start, '-infinity'), v_old.state_rank, v_old.state_event_id)
      >= (p_created_at, coalesce(v_new.period_start, '-infinity'), v_new.rank, p_event_id))
  then
    return;
  end if;

  if v_is_new or v_old.status = 'incomplete' then
    select bool_or(t.attempts > 0 or t.state = 'due'), bool_or(t.attempts > 0) into v_is_asked, v_is_begun
    from playground.billing_tasks t
    where t.account_id = v_account.account_id and t.kind = 'cancel_and_refund_subscription' and t.stripe_id = v_new.stripe_subscription_id;
    v_live := engine.live_subscription(v_account.account_id);
    if v_is_asked and v_new.status = 'canceled' then
      -- It was one too many, and is over now.
      perform engine.refuse_subscription(v_account.account_id, v_new.stripe_subscription_id, coalesce(v_new.ended_at, p_created_at));
      reason := 'second_subscription';
      return;
    elsif v_is_live and (v_live.subscription_id is not null or v_is_begun) then
      -- The end of the first one may still be on its way: this one waits for it, for a while.
      state := 'parked';
      reason := 'second_subscription';
      waits_for := v_live.stripe_subscription_id;
      perform engine.ask_stripe(
        v_account.account_id, 'cancel_and_refund_subscription', v_new.stripe_subscription_id, v_account.last_instant,
        (select second_subscription_delay from playground.platform_settings));
      return;
    end if;
  end if;

  if v_is_new then
    perform engine.claim_stripe_id(v_new.stripe_subscription_id, 'subscription', v_account.account_id);
    v_subscription_id := gen_random_uuid();
    insert into playground.subscriptions (
      account_id, subscription_id, plan_price, source, status, created_at, ends_at, ended_at, stripe_subscription_id,
      state_at, state_period_start, state_rank, state_event_id)
    values (
      v_account.account_id, v_subscription_id, v_plan_price, 'stripe', v_new.status, v_account.last_instant, v_new.ends_at,
      case when v_new.status = 'canceled' then coalesce(v_new.ended_at, p_created_at) end, v_new.stripe_subscription_id,
      p_created_at, v_new.period_start, v_new.rank, p_event_id);
  else
    v_subscription_id := v_old.subscription_id;
    update playground.subscriptions s
    set plan_price = v_plan_price, status = v_new.status, ends_at = v_new.ends_at,
      ended_at = case when v_new.status = 'canceled' then coalesce(v_new.ended_at, p_created_at) end,
      state_at = p_created_at, state_period_start = v_new.period_start, state_rank = v_new.rank, state_event_id = p_event_id
    where s.account_id = v_account.account_id and s.subscription_id = v_subscription_id;
  end if;
  if v_is_live then
    perform engine.withdraw_task(v_account.account_id, 'cancel_and_refund_subscription', v_new.stripe_subscription_id, v_account.last_instant);
  end if;
  perform engine.refresh_subscription(v_account.account_id, v_subscription_id, v_account.last_instant);
  perform engine.tell_subscription(v_account.account_id, v_subscription_id, v_old.status, v_account.last_instant);
  -- Invoices that came before their subscription; and a second plan that waited for the first to end.
  if v_is_new or v_old.status = 'incomplete' or not v_is_live then
    perform engine.retry_waiting(v_new.stripe_subscription_id);
  end if;
end $$;
comment on function engine.apply_subscription(text, timestamptz, jsonb) is
  'customer.subscription.*: the state of the newest event (created, later period, rank, id); canceled is final. Grants nothing. A second live one is parked and, after second_subscription_delay, cancelled and refunded.';

create or replace function engine.refuse_subscription(p_account_id uuid, p_stripe_subscription_id text, p_ended_at timestamptz)
returns void
language plpgsql volatile
as $$
begin
  insert into playground.stripe_ids as i (stripe_id, kind, account_id)
  values (p_stripe_subscription_id, 'refused_subscription', p_account_id)
  on conflict (stripe_id) do update set kind = excluded.kind where i.account_id = excluded.account_id;
  -- It may have been known before it began.
  update playground.subscriptions
  set status = 'canceled', ended_at = p_ended_at
  where account_id = p_account_id and stripe_subscription_id = p_stripe_subscription_id and status = 'incomplete';
  perform engine.retry_waiting(p_stripe_subscription_id);
end $$;
comment on function engine.refuse_subscription(uuid, text, timestamptz) is 'A second subscription was cancelled: what still comes of it is ignored, and so is what waited for it.';

create or replace function engine.refresh_subscription(p_account_id uuid, p_subscription_id uuid, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_subscription playground.subscriptions;
  v_grant playground.grants;
  v_expires_at timestamptz;
  v_is_overdue boolean;
begin
  select * into strict v_subscription from playground.subscriptions where account_id = p_account_id and subscription_id = p_subscription_id;
  if v_subscription.plan_price = 'verified' then
    perform engine.refresh_verification(p_account_id);
  end if;
  -- Earlier periods ended with the next one; only the last is open to the plan's state.
  select g.* into v_grant
  from playground.periods p
  join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
  where p.account_id = p_account_id and p.subscription_id = p_subscription_id and p.period_end = v_subscription.period_end;
  if not found then
    return;
  end if;

  v_expires_at := engine.monthly_expiry(v_subscription, v_subscription.period_end);
  v_is_overdue := v_subscription.ended_at is null and v_subscription.status in ('past_due', 'unpaid');
  if v_grant.expired_at is not null then
    if v_expires_at > p_instant then
      -- Expired by an older word of Stripe: the newest says that it lives on.
      perform engine.revive_grant(p_account_id, v_grant.grant_id, p_instant);
    else
      update playground.grants set expired_at = v_expires_at where account_id = p_account_id and grant_id = v_grant.grant_id;
    end if;
  end if;
  update playground.grants
  set expires_at = v_expires_at
  where account_id = p_account_id and grant_id = v_grant.grant_id and expires_at <> v_expires_at;
  update playground.subscriptions
  set suspend_at = case when v_is_overdue and period_end > p_instant then period_end end
  where account_id = p_account_id and subscription_id = p_subscription_id;
  perform engine.set_suspended(p_account_id, v_grant.grant_id, engine.disputed_of(p_account_id, v_grant.grant_id), p_instant);
  -- Something may fall due earlier than before, or at once.
  perform engine.catch_up(p_account_id, p_instant);
end $$;
comment on function engine.refresh_subscription(uuid, uuid, timestamptz) is
  'Fits the last period''s credits to the state of its plan: when they expire, whether they are suspended; and the verification of an organisation. The account is locked by the caller.';

create or replace function engine.monthly_expiry(p_subscription playground.subscriptions, p_period_end timestamptz)
returns timestamptz
language sql stable
as $$
  -- With the plan when that ends before: a cancellation ends it with the period.
  select least(coalesce(p_subscription.ended_at, p_subscription.ends_at), p_period_end + renewal_grace)
  from playground.platform_settings
$$;
comment on function engine.monthly_expiry(playground.subscriptions, timestamptz) is
  'When the credits of a plan''s last period expire: with the period, up to renewal_grace later while a renewal is expected, or when the plan ended.';

create or replace function engine.disputed_of(p_account_id uuid, p_grant_id bigint)
returns bigint
language sql stable
as $$
  select coalesce((
    select least(g.remaining, y.suspended)
    from playground.periods p
    join playground.payments y on y.account_id = p.account_id and y.invoice_id = p.invoice_id
    join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
    where p.account_id = p_account_id and p.grant_id = p_grant_id), 0)
$$;
comment on function engine.disputed_of(uuid, bigint) is 'Credits of a period that an open dispute of its payment suspends.';

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

create or replace function engine.apply_invoice(
  p_type text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_invoice record := engine.read_invoice(p_object);
  v_kind text;
  v_account playground.accounts;
  v_subscription playground.subscriptions;
  v_price playground.stripe_prices;
begin
  state := 'parked';
  if v_invoice.invoice_id is null then
    reason := 'malformed';
    return;
  end if;
  select i.account_id into apply_invoice.account_id
  from playground.stripe_ids i
  where i.stripe_id = v_invoice.customer_id and i.kind = 'customer';
  if not found then
    reason := 'unknown_customer';
    waits_for := v_invoice.customer_id;
    return;
  end if;
  if p_type = 'invoice.payment_failed' then
    -- The state of the plan comes with customer.subscription.updated.
    state := 'handled';
    return;
  end if;
  v_account := engine.touch_account(apply_invoice.account_id);
  reason := engine.payer_problem(v_account.account_id, v_invoice.customer_id);
  if reason is not null then
    return;
  end if;
  select i.kind into v_kind from playground.stripe_ids i where i.stripe_id = v_invoice.stripe_subscription_id;
  if v_invoice.stripe_subscription_id is null or v_kind = 'refused_subscription'
    or v_invoice.billing_reason is null or v_invoice.billing_reason not in ('subscription_create', 'subscription_cycle')
  then
    state := 'ignored';
    reason := case v_kind when 'refused_subscription' then v_kind else 'not_a_period' end;
    if engine.claim_stripe_id(v_invoice.invoice_id, 'invoice', v_account.account_id) then
      perform engine.retry_waiting(v_invoice.invoice_id);
    end if;
    return;
  end if;
  select * into v_subscription
  from playground.subscriptions s
  where s.account_id = v_account.account_id and s.stripe_subscription_id = v_invoice.stripe_subscription_id;
  if not found then
    reason := 'unknown_subscription';
    waits_for := v_invoice.stripe_subscription_id;
    return;
  elsif v_subscription.status = 'incomplete' and (engine.live_subscription(v_account.account_id)).subscription_id is not null then
    -- Not begun, and another plan is live: it may be one too many, and brings nothing before that is decided.
    reason := 'second_subscription';
    waits_for := v_invoice.stripe_subscription_id;
    return;
  end if;

  select * into v_price from playground.stripe_prices p where p.stripe_price_id = v_invoice.stripe_price_id and p.plan_price is not null;
  if v_price.stripe_price_id is null then
    reason := 'unknown_price';
  elsif v_invoice.currency is distinct from v_price.currency then
    reason := 'wrong_currency';
  elsif v_invoice.paid_cents is distinct from v_price.amount_cents then
    reason := 'wrong_amount';
  elsif v_invoice.period_start is null or v_invoice.period_end is null or v_invoice.period_end <= v_invoice.period_start then
    reason := 'malformed';
  end if;
  if reason is not null then
    return;
  end if;

  perform engine.claim_stripe_id(v_invoice.invoice_id, 'invoice', v_account.account_id);
  insert into playground.invoices (account_id, invoice_id, subscription_id, paid_cents, currency, period_start, period_end, paid_at)
  values (
    v_account.account_id, v_invoice.invoice_id, v_subscription.subscription_id, v_invoice.paid_cents, v_invoice.currency,
    v_invoice.period_start, v_invoice.period_end, coalesce(v_invoice.paid_at, p_created_at))
  on conflict (account_id, invoice_id) do nothing;
  state := 'handled';
  if found then
    if not engine.confirm_period(
      v_account.account_id, v_subscription.subscription_id, v_invoice.invoice_id, v_invoice.period_start, v_invoice.period_end,
      coalesce(v_invoice.paid_at, p_created_at), v_account.last_instant)
    then
      -- Paid for a time that was paid for already: somebody should look.
      reason := 'period_confirmed_before';
      perform engine.alert_parked(v_invoice.invoice_id, p_type, reason, v_account.last_instant);
    end if;
    perform engine.retry_waiting(v_invoice.invoice_id);
  end if;
  if v_invoice.payment_intent_id is not null then
    perform engine.pay_invoice(v_account.account_id, v_invoice.payment_intent_id, v_invoice.invoice_id, v_account.last_instant);
  end if;
end $$;
comment on function engine.apply_invoice(text, timestamptz, jsonb) is
  'invoice.paid of a subscription''s begin or renewal confirms the period of its line; paid cents must be what our price says. Others are ignored. invoice.payment_failed changes nothing.';

create or replace function engine.pay_invoice(p_account_id uuid, p_payment_intent_id text, p_invoice_id text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_invoice playground.invoices;
begin
  select * into v_invoice from playground.invoices where account_id = p_account_id and invoice_id = p_invoice_id;
  if not found or exists (
    select from playground.payments
    where account_id = p_account_id and invoice_id = p_invoice_id and payment_intent_id <> p_payment_intent_id)
  then
    -- An invoice that confirmed no period, or a further part of one: nothing of ours was paid by it.
    insert into playground.stripe_ids (stripe_id, kind, account_id)
    values (p_payment_intent_id, 'other_payment', p_account_id)
    on conflict (stripe_id) do nothing;
  else
    perform engine.claim_stripe_id(p_payment_intent_id, 'payment_intent', p_account_id);
    insert into playground.payments (account_id, payment_intent_id, invoice_id, currency, paid_cents, paid_at, credits)
    select p_account_id, p_payment_intent_id, p_invoice_id, v_invoice.currency, v_invoice.paid_cents, v_invoice.paid_at, coalesce((
      select g.granted
      from playground.periods p
      join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
      where p.account_id = p_account_id and p.invoice_id = p_invoice_id), 0)
    on conflict (account_id, payment_intent_id) do nothing;
    perform engine.settle_payment(p_account_id, p_payment_intent_id, p_instant);
  end if;
  perform engine.retry_waiting(p_payment_intent_id);
end $$;
comment on function engine.pay_invoice(uuid, text, text, timestamptz) is 'Notes which PaymentIntent paid an invoice, so that its refunds and disputes find the period. SCB09 when the payment is another''s.';

create or replace function engine.apply_invoice_payment(
  p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_invoice_id constant text := engine.stripe_id(p_object -> 'invoice');
  v_payment_intent_id constant text := engine.stripe_id(p_object #> '{payment,payment_intent}');
  v_account playground.accounts;
begin
  state := 'ignored';
  if v_invoice_id is null or v_payment_intent_id is null then
    reason := 'not_by_payment_intent';
    return;
  end if;
  select i.account_id into apply_invoice_payment.account_id from playground.stripe_ids i where i.stripe_id = v_invoice_id and i.kind = 'invoice';
  if not found then
    state := 'parked';
    reason := 'unknown_invoice';
    waits_for := v_invoice_id;
    return;
  end if;
  v_account := engine.touch_account(apply_invoice_payment.account_id);
  perform engine.pay_invoice(v_account.account_id, v_payment_intent_id, v_invoice_id, v_account.last_instant);
  state := 'handled';
end $$;
comment on function engine.apply_invoice_payment(jsonb) is 'invoice_payment.paid: which PaymentIntent paid an invoice.';

create or replace function engine.apply_checkout(
  p_type text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_checkout_id constant uuid := engine.stripe_uuid(coalesce(p_object #>> '{metadata,checkout_id}', p_object ->> 'client_reference_id'));
  v_account_id constant uuid := engine.stripe_uuid(p_object #>> '{metadata,account_id}');
begin
  -- A page says nothing about money: payments and plans tell of themselves.
  update playground.checkouts c
  set status = case p_type when 'checkout.session.completed' then 'completed' else 'expired' end, ended_at = p_created_at,
    checkout_session_id = coalesce(c.checkout_session_id, engine.stripe_text(p_object -> 'id'))
  where c.account_id = v_account_id and c.checkout_id = v_checkout_id and c.status <> 'completed';
  state := case when found then 'handled' else 'ignored' end;
  reason := case when not found then 'no_change' end;
  apply_checkout.account_id := case when found then v_account_id end;
end $$;
comment on function engine.apply_checkout(text, timestamptz, jsonb) is 'checkout.session.*: whether the page was used or its time is over.';

create or replace function engine.tell_subscription(p_account_id uuid, p_subscription_id uuid, p_before text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_subscription record;
begin
  select s.status, s.period_end, s.ended_at, p.name into strict v_subscription
  from playground.subscriptions s
  join playground.plan_prices using (plan_price)
  join playground.plans p using (plan)
  where s.account_id = p_account_id and s.subscription_id = p_subscription_id;
  if v_subscription.status = 'past_due' and p_before is distinct from 'past_due' then
    perform engine.notify_payer(
      p_account_id, 'past_due', p_subscription_id || ':' || coalesce(engine.iso(v_subscription.period_end), ''),
      jsonb_build_object('plan', v_subscription.name, 'periodEnd', engine.iso(v_subscription.period_end)), p_instant);
  elsif v_subscription.status = 'canceled' and p_before is not null and p_before not in ('canceled', 'incomplete') then
    perform engine.notify_payer(
      p_account_id, 'subscription_ended', p_subscription_id::text,
      jsonb_build_object('plan', v_subscription.name, 'endedAt', engine.iso(v_subscription.ended_at)), p_instant);
  end if;
end $$;
comment on function engine.tell_subscription(uuid, uuid, text, timestamptz) is 'Writes to the payer when a plan becomes past due or ends; once each.';

create or replace function engine.suspend_grace(p_account_id uuid, p_subscription_id uuid, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant_id bigint;
begin
  update playground.subscriptions set suspend_at = null where account_id = p_account_id and subscription_id = p_subscription_id;
  for v_grant_id in
    select grant_id
    from playground.grants
    where account_id = p_account_id and subscription_id = p_subscription_id and bucket = 'monthly' and expired_at is null
  loop
    perform engine.set_suspended(p_account_id, v_grant_id, engine.disputed_of(p_account_id, v_grant_id), p_instant);
  end loop;
end $$;
comment on function engine.suspend_grace(uuid, uuid, timestamptz) is 'The period of a plan that is past due is over: what is left of its credits is suspended until Stripe says it was paid.';
