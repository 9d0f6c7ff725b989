-- What Stripe says of disputes, and the credits that an open one suspends.

create or replace function engine.apply_dispute(
  p_event_id text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_amount_cents constant bigint := engine.stripe_integer(p_object -> 'amount');
  v_status constant text := p_object ->> 'status';
  v_account playground.accounts;
begin
  select * into state, reason, waits_for, account_id from engine.find_payment(p_object);
  if reason is not null then
    return;
  elsif v_amount_cents is null or v_status is null then
    reason := 'malformed';
    return;
  end if;
  v_account := engine.touch_account(apply_dispute.account_id);
  insert into playground.disputes as d (account_id, dispute_id, payment_intent_id, amount_cents, status, changed_at, event_id)
  values (v_account.account_id, engine.stripe_text(p_object -> 'id'), v_payment_intent_id, v_amount_cents, v_status, p_created_at, p_event_id)
  on conflict (account_id, dispute_id) do update
  set amount_cents = excluded.amount_cents, status = excluded.status, changed_at = excluded.changed_at, event_id = excluded.event_id
  where (d.changed_at, engine.dispute_rank(d.status), d.event_id) < (excluded.changed_at, engine.dispute_rank(excluded.status), excluded.event_id);
  perform engine.settle_payment(v_account.account_id, v_payment_intent_id, v_account.last_instant);
  state := 'handled';
end $$;
comment on function engine.apply_dispute(text, timestamptz, jsonb) is 'charge.dispute.*: the newest state of a dispute. Open suspends, won (or a closed warning) restores, lost revokes.';

create or replace function engine.is_disputed(p_status text)
returns boolean
language sql immutable
as $$
  -- Whatever is neither over nor a mere warning: an appeal too, and what Stripe may call it one day.
  select p_status not in ('won', 'lost', 'prevented', 'charge_refunded') and p_status not like 'warning%'
$$;
comment on function engine.is_disputed(text) is 'Whether a dispute is open: its money is not ours for now.';

create or replace function engine.dispute_rank(p_status text)
returns integer
language sql immutable
as $$
  select case
    when p_status like 'warning%' and p_status <> 'warning_closed' then 1
    when engine.is_disputed(p_status) then 2
    else 3 end
$$;
comment on function engine.dispute_rank(text) is 'Which of two states of one second is the later: a dispute ends once.';

create or replace function engine.suspend(p_payment playground.payments, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant record;
  v_left bigint := p_payment.suspended;
  v_part bigint;
begin
  for v_grant in select * from engine.own_grants(p_payment) loop
    v_grant.remaining := (select remaining from playground.grants where account_id = p_payment.account_id and grant_id = v_grant.grant_id);
    v_part := least(v_left, v_grant.remaining);
    perform engine.set_suspended(p_payment.account_id, v_grant.grant_id, v_part, p_instant);
    v_left := v_left - v_part;
  end loop;
end $$;
comment on function engine.suspend(playground.payments, timestamptz) is 'Suspends what open disputes ask for of the credits that a payment brought, and lifts the rest.';

create or replace function engine.set_suspended(p_account_id uuid, p_grant_id bigint, p_credits bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_credits bigint := p_credits;
begin
  -- Grace credits of a plan that is past due stay suspended as a whole, dispute or not.
  if exists (
    select
    from playground.grants g
    join playground.subscriptions s on s.account_id = g.account_id and s.subscription_id = g.subscription_id
    where g.account_id = p_account_id and g.grant_id = p_grant_id and g.bucket = 'monthly' and g.expired_at is null
      and s.ended_at is null and s.status in ('past_due', 'unpaid') and s.period_end <= p_instant)
  then
    v_credits := (select remaining from playground.grants where account_id = p_account_id and grant_id = p_grant_id);
  end if;
  update playground.grants
  set suspended = v_credits, unavailable_until = case when v_credits < suspended then p_instant else unavailable_until end
  where account_id = p_account_id and grant_id = p_grant_id and suspended <> v_credits;
end $$;
comment on function engine.set_suspended(uuid, bigint, bigint, timestamptz) is 'Sets how many credits of a grant are suspended.';

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
