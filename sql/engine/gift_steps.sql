-- The steps of gifts under way: they arrive, wait for somebody to register, or come back; each once, whatever dies in between.

create or replace function engine.receive_gift(p_account_id uuid, p_user_id uuid, p_gift playground.gifts, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_part playground.gift_parts;
  v_grant_id bigint;
  v_grant_ids bigint[];
  v_amounts bigint[];
  v_left bigint;
begin
  for v_part in
    select * from playground.gift_parts where account_id = p_gift.account_id and gift_id = p_gift.gift_id order by position
  loop
    insert into playground.grants (account_id, bucket, source, granted, remaining, granted_at, last_number, purchase_id, gift_id)
    values (p_account_id, 'purchased', 'gift', v_part.credits, 0, p_instant, 0, v_part.purchase_id, p_gift.gift_id)
    returning grant_id into v_grant_id;
    v_grant_ids := v_grant_ids || v_grant_id;
    v_amounts := v_amounts || v_part.credits::bigint;
    update playground.gift_parts
    set to_grant_id = v_grant_id, taken = 0
    where account_id = p_gift.account_id and gift_id = p_gift.gift_id and position = v_part.position;
  end loop;
  perform engine.post_transaction(
    p_account_id, p_instant, p_instant, 'gift', 'Gift received', v_grant_ids, v_amounts,
    p_user_id => p_user_id, p_metadata => jsonb_build_object('giftId', p_gift.gift_id));
  update playground.gifts
  set state = 'arrived', to_account_id = p_account_id, to_user_id = p_user_id, to_email = null, ended_at = p_instant
  where account_id = p_gift.account_id and gift_id = p_gift.gift_id;

  -- What was asked back on the way goes at once, so that it is in the history, and can be given again.
  for v_part in
    select * from playground.gift_parts where account_id = p_gift.account_id and gift_id = p_gift.gift_id order by position
  loop
    perform engine.fit_gift_part(p_account_id, v_part, p_instant);
  end loop;
  v_left := (
    select sum(remaining) from playground.grants where account_id = p_account_id and grant_id = any (v_grant_ids));
  if v_left > 0 then
    perform engine.write_notice(
      p_user_id, 'gift_received', p_gift.gift_id::text,
      jsonb_build_object('from', engine.sender_name(p_gift.user_id), 'credits', v_left, 'message', p_gift.message), p_instant);
  end if;
end $$;
comment on function engine.receive_gift(uuid, uuid, playground.gifts, timestamptz) is
  'A gift arrives: one grant a part, not to be given away again; what the purchase owes by now goes back at once. Account and gift are locked by the caller, who saw that it is under way.';

create or replace function engine.return_gift(p_gift playground.gifts, p_instant timestamptz, p_effective_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_parts record;
  v_payment_intent_id text;
begin
  select array_agg(grant_id order by position) as grant_ids, array_agg(credits::bigint order by position) as amounts
  into strict v_parts
  from playground.gift_parts
  where account_id = p_gift.account_id and gift_id = p_gift.gift_id;
  perform engine.post_transaction(
    p_gift.account_id, p_instant, p_effective_at, 'gift', 'Gift returned', v_parts.grant_ids, v_parts.amounts,
    p_user_id => p_gift.user_id, p_metadata => jsonb_build_object('giftId', p_gift.gift_id));
  update playground.gift_parts
  set wanted = 0, taken = 0, suspend_wanted = 0, is_used_up = false, step = null
  where account_id = p_gift.account_id and gift_id = p_gift.gift_id;
  update playground.gifts
  set state = 'returned', to_email = null, ended_at = p_instant
  where account_id = p_gift.account_id and gift_id = p_gift.gift_id;
  delete from playground.waiting_gifts where email_hash = p_gift.to_email_hash and account_id = p_gift.account_id and gift_id = p_gift.gift_id;
  perform engine.write_notice(
    p_gift.user_id, 'gift_returned', p_gift.gift_id::text, jsonb_build_object('credits', p_gift.credits, 'toEmail', p_gift.to_email), p_instant);

  -- The credits are the purchase's own again, and pay first what is owed.
  for v_payment_intent_id in
    select distinct payment_intent_id from playground.gift_parts where account_id = p_gift.account_id and gift_id = p_gift.gift_id order by 1
  loop
    perform engine.settle_payment(p_gift.account_id, v_payment_intent_id, p_instant);
  end loop;
  perform engine.settle_debts(p_gift.account_id, p_instant);
end $$;
comment on function engine.return_gift(playground.gifts, timestamptz, timestamptz) is
  'A gift comes back, each part to the grant it came from; what the purchase owes by now is taken there. The sender''s account and gifts are locked by the caller, who saw that it is under way.';

create or replace function engine.claim_gifts(p_account_id uuid, p_user_id uuid, p_email text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_hash constant bytea := sha256(convert_to(engine.email_key(p_email), 'UTF8'));
  v_waiting record;
  v_gift playground.gifts;
begin
  perform engine.lock_address(p_email);
  for v_waiting in
    select w.account_id, w.gift_id
    from playground.waiting_gifts w
    join playground.gifts g using (account_id, gift_id)
    where w.email_hash = v_hash
    order by w.account_id, g.sent_at, w.gift_id
  loop
    select * into v_gift
    from playground.gifts
    where account_id = v_waiting.account_id and gift_id = v_waiting.gift_id
    for no key update;
    -- Returned meanwhile, or about to be.
    continue when v_gift.state <> 'waiting' or v_gift.expires_at <= p_instant;
    perform engine.receive_gift(p_account_id, p_user_id, v_gift, p_instant);
    delete from playground.waiting_gifts where email_hash = v_hash and account_id = v_gift.account_id and gift_id = v_gift.gift_id;
  end loop;
end $$;
comment on function engine.claim_gifts(uuid, uuid, text, timestamptz) is
  'Gifts that waited for an address arrive with whoever registers it, unless their time is over. The new account is locked by the caller.';

create or replace function engine.process_arrivals(p_account_id uuid, p_instant timestamptz, p_limit integer)
returns integer
language plpgsql volatile
as $$
declare
  v_due record;
  v_gift playground.gifts;
  v_part playground.gift_parts;
  v_steps integer := 0;
begin
  for v_due in
    select account_id, gift_id, null::integer as position, sent_at
    from playground.gifts
    where to_account_id = p_account_id and state = 'sent'
    union all
    select p.account_id, p.gift_id, p.position, g.sent_at
    from playground.gift_parts p
    join playground.gifts g using (account_id, gift_id)
    where p.step = 'receiver' and g.to_account_id = p_account_id
    order by sent_at, gift_id, position
    limit p_limit
  loop
    select * into v_gift
    from playground.gifts
    where account_id = v_due.account_id and gift_id = v_due.gift_id
    for no key update skip locked;
    if v_gift.state = 'arrived' then
      select * into v_part
      from playground.gift_parts
      where account_id = v_due.account_id and gift_id = v_due.gift_id and position = v_due.position and step = 'receiver';
      continue when not found;
      perform engine.fit_gift_part(p_account_id, v_part, p_instant);
    elsif v_gift.state is distinct from 'sent' then
      continue;
    elsif exists (select from playground.users where user_id = v_gift.to_user_id and deleted_at is null) then
      perform engine.receive_gift(p_account_id, v_gift.to_user_id, v_gift, p_instant);
    else
      update playground.gifts set state = 'returning' where account_id = v_gift.account_id and gift_id = v_gift.gift_id;
    end if;
    v_steps := v_steps + 1;
  end loop;
  return v_steps;
end $$;
comment on function engine.process_arrivals(uuid, timestamptz, integer) is
  'The receiver''s side: gifts arrive, or turn back where nobody is any more; parts give, get back and are suspended. Returns how many steps were done; gifts in use are left for the next time. The account is locked by the caller.';

create or replace function engine.process_departures(p_account_id uuid, p_instant timestamptz, p_limit integer)
returns integer
language plpgsql volatile
as $$
declare
  v_gift playground.gifts;
  v_payment_intent_id text;
  v_steps integer := 0;
begin
  perform engine.lock_gifts_of(p_account_id);
  for v_gift in
    select *
    from playground.gifts
    where account_id = p_account_id and (state = 'returning' or state = 'waiting' and expires_at <= p_instant)
    order by sent_at, gift_id
    limit p_limit
  loop
    perform engine.return_gift(v_gift, p_instant, case v_gift.state when 'waiting' then v_gift.expires_at else p_instant end);
    v_steps := v_steps + 1;
  end loop;
  for v_payment_intent_id in
    select distinct payment_intent_id from playground.gift_parts where account_id = p_account_id and step = 'sender' order by 1
  loop
    update playground.gift_parts set step = null where account_id = p_account_id and payment_intent_id = v_payment_intent_id and step = 'sender';
    perform engine.settle_payment(p_account_id, v_payment_intent_id, p_instant);
    v_steps := v_steps + 1;
  end loop;
  return v_steps;
end $$;
comment on function engine.process_departures(uuid, timestamptz, integer) is
  'The sender''s side: gifts that nobody took come back, and payments whose gifts had less than wanted are settled anew. Returns how many steps were done. The account is locked by the caller.';

create or replace function engine.process_gifts_of(p_account_id uuid, p_limit integer)
returns integer
language plpgsql volatile
as $$
declare
  v_now constant timestamptz := engine.now();
  v_account playground.accounts;
  v_steps integer;
begin
  perform from playground.accounts where account_id = p_account_id for no key update skip locked;
  if not found then
    return 0;
  end if;
  v_account := engine.touch_account(p_account_id);
  v_steps := engine.process_arrivals(p_account_id, v_account.last_instant, p_limit);
  -- One side a call: who has gifts of others locked waits for none of its own.
  if v_steps = 0 then
    v_steps := engine.process_departures(p_account_id, v_account.last_instant, p_limit);
  end if;
  return v_steps;
exception
  -- One account whose rows contradict each other must not keep all others waiting: it is told, and stays as it is.
  when integrity_constraint_violation or data_exception or plpgsql_error or sqlstate 'SCL01' then
    perform engine.alert_once(
      p_account_id, date_trunc('day', v_now, 'UTC'), 'gifts_failed', jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm), v_now);
    return 0;
end $$;
comment on function engine.process_gifts_of(uuid, integer) is
  'What gifts have to do on one account, at most p_limit steps. 0 when there is nothing, somebody else has it locked, or its rows contradict each other (alert gifts_failed).';

create or replace function engine.process_gifts(p_limit integer)
returns integer
language plpgsql volatile
as $$
declare
  v_now constant timestamptz := engine.now();
  v_account_id uuid;
  v_steps integer;
begin
  for v_account_id in
    select due.account_id
    from (
      select case state when 'sent' then to_account_id else account_id end as account_id, sent_at
      from playground.gifts
      where ended_at is null and (state in ('sent', 'returning') or state = 'waiting' and expires_at <= v_now)
      union all
      select case p.step when 'receiver' then g.to_account_id else p.account_id end, g.sent_at
      from playground.gift_parts p
      join playground.gifts g using (account_id, gift_id)
      where p.step is not null
    ) as due
    group by due.account_id
    order by min(due.sent_at), due.account_id
    limit 100
  loop
    v_steps := engine.process_gifts_of(v_account_id, p_limit);
    if v_steps > 0 then
      return v_steps;
    end if;
  end loop;
  return 0;
end $$;
comment on function engine.process_gifts(integer) is
  'The next steps of gifts, of one account a call, at most p_limit. Returns how many were done; 0 when nothing is left that nobody else has in hand.';
