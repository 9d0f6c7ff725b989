-- The inbox. An event and its effect are one transaction; what cannot be used now is parked, never lost.

create or replace function engine.handle_event(
  p_event_id text, p_event jsonb, p_accepts_amount boolean default false, out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
declare
  v_type constant text := engine.stripe_text(p_event -> 'type');
  v_created_at constant timestamptz := engine.stripe_time(p_event -> 'created');
  v_object constant jsonb := p_event #> '{data,object}';
  v_outcome record;
begin
  if v_type is null or v_created_at is null or jsonb_typeof(v_object) is distinct from 'object' or engine.stripe_text(v_object -> 'id') is null then
    state := 'parked';
    reason := 'malformed';
    return;
  end if;
  case
    when v_type in ('payment_intent.succeeded', 'payment_intent.payment_failed') then
      v_outcome := engine.apply_payment_intent(p_event_id, v_type, v_created_at, v_object, p_accepts_amount);
    when v_type in ('charge.refunded', 'charge.succeeded') then
      v_outcome := engine.apply_charge(v_type, v_created_at, v_object);
    when v_type in ('refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated') then
      v_outcome := engine.apply_refund(p_event_id, v_created_at, v_object);
    when v_type in ('charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed', 'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated') then
      v_outcome := engine.apply_dispute(p_event_id, v_created_at, v_object);
    when v_type in ('customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted') then
      v_outcome := engine.apply_subscription(p_event_id, v_created_at, v_object);
    when v_type in ('invoice.paid', 'invoice.payment_failed') then
      v_outcome := engine.apply_invoice(v_type, v_created_at, v_object, p_accepts_amount);
    when v_type = 'invoice_payment.paid' then
      v_outcome := engine.apply_invoice_payment(v_object);
    when v_type in ('checkout.session.completed', 'checkout.session.expired') then
      select o.state, o.reason, null::text as waits_for, o.account_id into v_outcome from engine.apply_checkout(v_type, v_created_at, v_object) as o;
    else
      state := 'ignored';
      reason := 'not_listened_to';
      return;
  end case;
  state := v_outcome.state;
  reason := v_outcome.reason;
  waits_for := v_outcome.waits_for;
  account_id := v_outcome.account_id;
exception
  -- An event that contradicts the books must not be delivered for ever, nor lost: it waits for somebody to look. What
  -- passes by itself (a lock, a restart) is raised, and Stripe sends it again.
  when integrity_constraint_violation or data_exception or plpgsql_error or cardinality_violation or syntax_error_or_access_rule_violation
    or sqlstate 'SCL01' or sqlstate 'SCB09' or sqlstate 'SCA02' then
    state := 'parked';
    reason := 'failed: ' || sqlstate || ' ' || left(sqlerrm, 300);
    waits_for := null;
    account_id := null;
end $$;
comment on function engine.handle_event(text, jsonb, boolean) is
  'Applies an event. state: handled, ignored, or parked with a reason and, where known, the id it waits for. p_accepts_amount: another amount than our price says is booked as it was paid. Safe to repeat.';

create or replace function engine.is_early(p_reason text)
returns boolean
language sql immutable
as $$ select p_reason in ('unknown_payment', 'unknown_invoice', 'unknown_subscription') $$;
comment on function engine.is_early(text) is 'Whether an event is parked only because another one of the same story is still to come: no alert before parked_alert_after.';

create or replace function engine.is_dismissed(p_state text, p_reason text)
returns boolean
language sql immutable
as $$ select p_state = 'ignored' and starts_with(coalesce(p_reason, ''), 'dismissed: ') $$;
comment on function engine.is_dismissed(text, text) is 'Whether an operator ended an event by admin.dismiss_stripe_event, from its state and reason.';

create or replace function engine.alert_parked(p_event_id text, p_type text, p_reason text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  -- Once a day and reason: a flood of the same tells no more.
  perform engine.alert_once(
    '00000000-0000-0000-0000-000000000000', date_trunc('day', p_instant, 'UTC'), 'stripe_event_parked: ' || split_part(p_reason, ':', 1),
    jsonb_build_object('eventId', p_event_id, 'type', p_type, 'reason', p_reason), p_instant);
end $$;
comment on function engine.alert_parked(text, text, text, timestamptz) is 'Tells operators that an event is parked.';

create or replace function engine.read_event(p_payload bytea)
returns jsonb
language plpgsql stable
as $$
declare
  v_event jsonb;
begin
  -- Not where it is declared: what fails there passes the handler by.
  v_event := convert_from(p_payload, 'UTF8')::jsonb;
  return case when jsonb_typeof(v_event) = 'object' then v_event end;
exception
  when data_exception or program_limit_exceeded then
    return null;
end $$;
comment on function engine.read_event(bytea) is 'The JSON object in these bytes; null when there is none that jsonb can hold (\u0000, depth, other encodings, numbers beyond any measure).';

create or replace function engine.retry_event(p_received_at timestamptz, p_event_id text, p_accepts_amount boolean default false)
returns text
language plpgsql volatile
as $$
declare
  v_payload bytea;
  v_event jsonb;
  v_outcome record;
  v_now constant timestamptz := engine.now();
begin
  select payload into strict v_payload from playground.stripe_events where received_at = p_received_at and event_id = p_event_id;
  v_event := engine.read_event(v_payload);
  if engine.stripe_text(v_event -> 'id') is null then
    -- Never read better than the first time, but it makes way for others.
    update playground.stripe_events
    set reason = 'unreadable', attempts = attempts + 1, next_try_at = v_now + engine.pause_after(attempts)
    where received_at = p_received_at and event_id = p_event_id and state = 'parked';
    return 'parked';
  end if;
  v_outcome := engine.handle_event(p_event_id, v_event, p_accepts_amount);
  -- An operator may have dismissed it meanwhile: that stands, unless the event has now been applied.
  update playground.stripe_events
  set state = v_outcome.state, reason = v_outcome.reason, waits_for = v_outcome.waits_for,
    account_id = coalesce(v_outcome.account_id, account_id), attempts = attempts + 1,
    handled_at = case when v_outcome.state <> 'parked' then v_now end,
    next_try_at = v_now + engine.pause_after(attempts)
  where received_at = p_received_at and event_id = p_event_id
    and (v_outcome.state <> 'parked' or not engine.is_dismissed(state, reason));
  return v_outcome.state;
end $$;
comment on function engine.retry_event(timestamptz, text, boolean) is 'Applies an event of the inbox again and keeps what became of it (p_accepts_amount: engine.handle_event); returns its state.';

create or replace function engine.retry_by_hand(p_action text, p_event playground.stripe_events, p_reason text, p_accepts_amount boolean default false)
returns table (state text, reason text)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  perform engine.retry_event(p_event.received_at, p_event.event_id, p_accepts_amount);
  select e.state, e.reason into state, reason
  from playground.stripe_events e
  where e.received_at = p_event.received_at and e.event_id = p_event.event_id;
  perform engine.write_audit(
    p_action, null, p_event.event_id, jsonb_build_object('state', p_event.state, 'reason', p_event.reason),
    jsonb_build_object('state', state, 'reason', reason), p_reason);
  return next;
end $$;
comment on function engine.retry_by_hand(text, playground.stripe_events, text, boolean) is
  'Applies an event of the inbox again for an operator, whose action is audited (p_event: the event before it); what became of it.';

create or replace function engine.retry_waiting(p_waits_for text)
returns void
language plpgsql volatile
as $$
declare
  v_event record;
begin
  for v_event in
    select received_at, event_id
    from playground.stripe_events
    where state = 'parked' and waits_for = p_waits_for
    order by created_at, received_at, event_id
  loop
    perform engine.retry_event(v_event.received_at, v_event.event_id);
  end loop;
end $$;
comment on function engine.retry_waiting(text) is 'Something became known that parked events wait for: they are applied now, in the order Stripe made them.';

create or replace function engine.fingerprint_of_money(p_object jsonb)
returns text
language plpgsql stable
as $$
declare
  v_account_id uuid;
begin
  select account_id into v_account_id
  from playground.stripe_ids
  where stripe_id in (
    p_object ->> 'id', engine.stripe_id(p_object -> 'customer'), engine.stripe_id(p_object -> 'payment_intent'), engine.stripe_id(p_object -> 'invoice'))
  limit 1;
  return (
    select md5(concat_ws('|',
      (select concat(last_number, cost_budget_usd, is_owing) from playground.accounts where account_id = v_account_id),
      (select string_agg((p.status, p.payment_intent_id, p.failure_code)::text, ',' order by p.purchase_id) from playground.purchases p where p.account_id = v_account_id),
      (select string_agg((y.payment_intent_id, y.paid_cents, y.refunded_cents, y.disputed_cents, y.lost_cents, y.receipt_url)::text, ',' order by y.payment_intent_id) from playground.payments y where y.account_id = v_account_id),
      (select string_agg((s.subscription_id, s.status, s.ends_at, s.ended_at, s.periods)::text, ',' order by s.subscription_id) from playground.subscriptions s where s.account_id = v_account_id))));
end $$;
comment on function engine.fingerprint_of_money(jsonb) is 'Tells whether something about the payer of an object changed: purchases, payments, plans, the tail of the ledger.';
