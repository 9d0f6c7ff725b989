-- The lock order, everywhere: account, windows, grants in burn order, holds, session. Who holds the account's lock
-- is the only one to change anything of that account, so the later locks never wait.

create or replace function engine.wait_for_disk()
returns void
language plpgsql volatile
as $$
begin
  -- Where it is off, a crash forgets what was acknowledged a moment before it: a charge, or what somebody paid.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
end $$;
comment on function engine.wait_for_disk() is 'From here on the commit of this transaction waits until it is on disk, whatever the session has set.';

create or replace function engine.lock_account(p_account_id uuid)
returns playground.accounts
language plpgsql volatile
as $$
declare
  v_account playground.accounts;
begin
  -- In any other, what is read under a lock is what was there before it.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported using message = 'Accounts are locked in transactions that read what is committed, and in no others.',
      hint = 'set default_transaction_isolation = ''read committed'';';
  end if;
  perform engine.wait_for_disk();
  select * into v_account from playground.accounts where account_id = p_account_id for no key update;
  if not found then
    perform engine.refuse('SCA02', 'This account does not exist.');
  end if;
  -- Read under the lock: instants never run backwards against transaction numbers, whatever the system clock does.
  v_account.last_instant := greatest(engine.now(), v_account.last_instant);
  return v_account;
end $$;
comment on function engine.lock_account(uuid) is 'Locks an account; last_instant of the returned row is the instant of the whole call. SCA02 when it does not exist; an error in transactions that are not read committed.';

create or replace function engine.touch_account(p_account_id uuid)
returns playground.accounts
language plpgsql volatile
as $$
declare
  v_account playground.accounts := engine.lock_account(p_account_id);
  v_instant timestamptz := v_account.last_instant;
begin
  if v_account.next_due_at <= v_instant then
    perform engine.catch_up(p_account_id, v_instant);
    select * into v_account from playground.accounts where account_id = p_account_id;
    v_account.last_instant := v_instant;
  end if;
  return v_account;
end $$;
comment on function engine.touch_account(uuid) is 'Locks an account and catches it up when something fell due. last_instant is the instant of the call. SCA02.';

create or replace function engine.touch_user(p_user_id uuid, p_account_id uuid default null)
returns playground.accounts
language plpgsql volatile
as $$
declare
  -- Look-ups by key: a join would be run again by everybody who waited for the lock.
  v_account_id constant uuid := coalesce(p_account_id, (select account_id from playground.users where user_id = p_user_id));
  v_account playground.accounts;
begin
  if v_account_id is not null then
    v_account := engine.lock_account(v_account_id);
  end if;
  -- Under the lock: who was deleted while this call waited for it is not there any more.
  perform from playground.users where user_id = p_user_id and deleted_at is null;
  if not found then
    perform engine.refuse('SCA02', 'This user does not exist.');
  end if;
  if v_account.next_due_at <= v_account.last_instant then
    return engine.touch_account(v_account_id);
  end if;
  return v_account;
end $$;
comment on function engine.touch_user(uuid, uuid) is 'engine.touch_account for the account that pays for this person now, or the one that did when a run was reserved. SCA02 when the person is unknown or deleted.';

create or replace function engine.next_due_at(p_account_id uuid)
returns timestamptz
language sql stable
as $$
  select least(
    (select min(expires_at) from playground.holds where account_id = p_account_id and status = 'open'),
    (select min(expires_at) from playground.grants where account_id = p_account_id and expired_at is null),
    (select min(case source when 'operator' then least(period_end, ends_at) else suspend_at end)
     from playground.subscriptions where account_id = p_account_id and ended_at is null),
    'infinity'::timestamptz)
$$;
comment on function engine.next_due_at(uuid) is 'The next instant at which something of this account falls due; infinity when nothing will.';

create or replace function engine.burn_rank(p_bucket text)
returns integer
language sql immutable
as $$ select case p_bucket when 'monthly' then 1 when 'rollover' then 2 else 3 end $$;
comment on function engine.burn_rank(text) is 'Burn order of the buckets: monthly, rollover, purchased. Inside a bucket: soonest expiry, then oldest.';
