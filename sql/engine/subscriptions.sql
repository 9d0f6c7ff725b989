-- Plans of Stripe. Their state is that of the newest event, in whatever order events come; it says how long the last
-- period's credits live, never that one was paid.

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
