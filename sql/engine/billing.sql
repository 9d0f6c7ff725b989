-- Who we are to Stripe: customers, ids, and what the gateway is to do there.

create or replace function engine.ask_stripe(p_account_id uuid, p_kind text, p_stripe_id text, p_instant timestamptz, p_delay interval default '0')
returns void
language plpgsql volatile
as $$
begin
  insert into playground.billing_tasks (account_id, task_id, kind, stripe_id, state, next_try_at, created_at)
  values (p_account_id, gen_random_uuid(), p_kind, p_stripe_id, 'due', p_instant + p_delay, p_instant)
  on conflict (account_id, kind, stripe_id) do nothing;
end $$;
comment on function engine.ask_stripe(uuid, text, text, timestamptz, interval) is 'Leaves a task for the gateway to do at Stripe, once per kind and object, after p_delay.';

create or replace function engine.withdraw_task(p_account_id uuid, p_kind text, p_stripe_id text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  update playground.billing_tasks
  set state = 'withdrawn', ended_at = p_instant
  where account_id = p_account_id and kind = p_kind and stripe_id = p_stripe_id and state = 'due' and attempts = 0;
end $$;
comment on function engine.withdraw_task(uuid, text, text, timestamptz) is 'Takes a task back that nobody has begun.';

create or replace function engine.claim_stripe_id(p_stripe_id text, p_kind text, p_account_id uuid)
returns boolean
language plpgsql volatile
as $$
begin
  insert into playground.stripe_ids (stripe_id, kind, account_id)
  values (p_stripe_id, p_kind, p_account_id)
  on conflict (stripe_id) do nothing;
  if found then
    return true;
  end if;
  perform from playground.stripe_ids where stripe_id = p_stripe_id and kind = p_kind and account_id = p_account_id;
  if not found then
    perform engine.refuse('SCB09', 'Stripe''s object belongs to another payer.');
  end if;
  return false;
end $$;
comment on function engine.claim_stripe_id(text, text, uuid) is 'Notes to whom an object of Stripe belongs; true when that is new. SCB09 when it belongs to somebody else, or is something else.';

create or replace function engine.request_customer(
  p_account_id uuid, p_instant timestamptz, out customer_id text, out is_customer_old boolean)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  insert into playground.customers (account_id, requested_at)
  values (p_account_id, p_instant)
  on conflict (account_id) do nothing;
  select c.customer_id, c.customer_id is null and c.requested_at < p_instant - s.stripe_key_lifetime
  into request_customer.customer_id, request_customer.is_customer_old
  from playground.customers c
  cross join playground.platform_settings s
  where c.account_id = p_account_id;
end $$;
comment on function engine.request_customer(uuid, timestamptz) is
  'The Stripe customer of a payer, null while Stripe has not answered; is_customer_old: it was asked for so long ago that Stripe may have forgotten the key. The account is locked by the caller.';

create or replace function engine.payer_of(p_user_id uuid, p_organization_id uuid default null)
returns uuid
language plpgsql volatile
as $$
begin
  if p_organization_id is null then
    return engine.find_account(p_user_id);
  end if;
  perform engine.find_account(p_user_id);
  perform engine.check_organization_role(p_user_id, p_organization_id);
  return engine.organization_account(p_organization_id);
end $$;
comment on function engine.payer_of(uuid, uuid) is
  'Whose billing a person acts on: their own account, or that of an organisation they own or administer. SCA02, SCN01, SCN02.';

create or replace function engine.live_subscription(p_account_id uuid)
returns playground.subscriptions
language plpgsql stable
as $$
declare
  v_subscription playground.subscriptions;
begin
  select * into v_subscription
  from playground.subscriptions
  where account_id = p_account_id and ended_at is null and status <> 'incomplete';
  return v_subscription;
end $$;
comment on function engine.live_subscription(uuid) is 'The live plan of an account; a row of nulls when there is none.';
