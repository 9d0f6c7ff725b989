-- Gifts: bought credits leave one account in one transaction and arrive at another in the next; between the two the row
-- in gifts has them. Locks: the one account of the call, then gifts.
--   A sender's side waits for its gifts, all of them in the order in which they were sent (engine.lock_gifts_of); so does
--   who registers, over all senders. A receiver's side leaves out what is locked, and comes again. So nobody waits in a
--   circle, also not two who give each other.

create or replace function engine.giftable(
  p_account_id uuid, p_instant timestamptz,
  out credits bigint, out grant_ids bigint[], out free bigint[], out purchase_ids uuid[], out payment_intent_ids text[])
language plpgsql stable
as $$
declare
  v_grant record;
begin
  credits := 0;
  for v_grant in
    select g.grant_id, g.purchase_id, p.payment_intent_id, g.remaining - g.held - g.suspended as free
    from playground.grants g
    join playground.purchases p on p.account_id = g.account_id and p.purchase_id = g.purchase_id and p.status = 'succeeded'
    cross join playground.platform_settings s
    where g.account_id = p_account_id and g.source = 'purchase' and g.remaining - g.held - g.suspended > 0
      and g.expired_at is null and (g.expires_at > p_instant or g.expires_at is null)
      and g.granted_at at time zone 'UTC' + s.gift_age <= p_instant at time zone 'UTC'
    order by engine.burn_rank(g.bucket), g.expires_at nulls last, g.granted_at, g.grant_id
  loop
    credits := credits + v_grant.free;
    grant_ids := grant_ids || v_grant.grant_id;
    free := free || v_grant.free;
    purchase_ids := purchase_ids || v_grant.purchase_id;
    payment_intent_ids := payment_intent_ids || v_grant.payment_intent_id;
  end loop;
end $$;
comment on function engine.giftable(uuid, timestamptz) is
  'Credits that may be given away: bought, as old as gift_age says, neither held nor suspended; with their grants in burn order, and the purchase and payment of each.';

create or replace function engine.check_gift(p_user_id uuid, p_to_email text, p_credits bigint, p_message text)
returns void
language plpgsql stable
as $$
declare
  v_account_id constant uuid := engine.find_account(p_user_id);
begin
  if not engine.is_email(p_to_email) then
    perform engine.refuse_field('toEmail', 'is not an e-mail address');
  end if;
  if exists (
    select
    from playground.users
    where user_id = p_user_id and engine.person_hash(email) = engine.person_hash(p_to_email)
  ) or exists (
    select
    from playground.user_emails e
    join playground.users u using (user_id)
    where e.email_key = engine.email_key(p_to_email) and u.account_id = v_account_id
  ) then
    perform engine.refuse_field('toEmail', 'is your own');
  end if;
  if p_credits is null or p_credits <= 0 then
    perform engine.refuse_field('credits', 'must be a positive number');
  end if;
  if length(p_message) > 500 or p_message ~ '[[:cntrl:]]' then
    perform engine.refuse_field('message', 'must have at most 500 printable characters');
  end if;
end $$;
comment on function engine.check_gift(uuid, text, bigint, text) is
  'SCV01 unless a gift is of a positive number of credits, to somebody else, with at most 500 printable characters. SCA02.';

create or replace function engine.gift_refusal(
  p_account_id uuid, p_user_id uuid, p_credits bigint, p_giftable bigint, p_instant timestamptz,
  out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql stable
as $$
declare
  v_limit constant integer := (select gifts_per_day from playground.platform_settings);
  v_sent_at timestamptz;
begin
  -- The gift that must be a day old before the next one.
  select sent_at into v_sent_at
  from playground.gifts
  where account_id = p_account_id and user_id = p_user_id and sent_at > p_instant - interval '24 hours'
  order by sent_at desc
  offset v_limit - 1
  limit 1;
  if found then
    refusal := 'SCG03';
    refusal_message := format('%s gifts a day are possible.', v_limit);
    refusal_detail := json_build_object('retryAfter', greatest(1, ceil(extract(epoch from v_sent_at + interval '24 hours' - p_instant)))::bigint);
  elsif exists (select from playground.payments where account_id = p_account_id and shortfall > 0) then
    refusal := 'SCG02';
    refusal_message := 'A refunded or disputed purchase is not made up for yet.';
  elsif p_credits > p_giftable then
    refusal := 'SCG01';
    refusal_message := format('%s credits can be given away.', p_giftable);
    refusal_detail := json_build_object('giftable', p_giftable, 'credits', p_credits);
  end if;
end $$;
comment on function engine.gift_refusal(uuid, uuid, bigint, bigint, timestamptz) is
  'Why somebody cannot give so many credits now: SCG03 beyond gifts_per_day, SCG02 while a shortfall is open, SCG01 when fewer are giftable; nothing when they can. The account is locked by the caller.';

create or replace function engine.lock_address(p_email text)
returns void
language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('scrip address ' || engine.email_key(p_email), 0));
end $$;
comment on function engine.lock_address(text) is
  'One at a time, until the end of the transaction: somebody registers with an e-mail address, or is looked up by it and left a gift if nobody has it. Taken after the account.';

create or replace function engine.lock_gifts_of(p_account_id uuid)
returns void
language plpgsql volatile
as $$
begin
  perform
  from playground.gifts
  where account_id = p_account_id and state <> 'returned'
  order by sent_at, gift_id
  for no key update;
end $$;
comment on function engine.lock_gifts_of(uuid) is 'Locks what an account has given away, for its own side of it: all at once and in order. The account is locked by the caller.';

create or replace function engine.sender_name(p_user_id uuid)
returns text
language sql stable
as $$ select coalesce((select coalesce(username, email) from playground.users where user_id = p_user_id and deleted_at is null), 'Somebody') $$;
comment on function engine.sender_name(uuid) is 'How the sender of a gift is named to whom it is for.';

create or replace function engine.start_gift(
  p_account_id uuid, p_user_id uuid, p_to_email text, p_credits bigint, p_message text, p_giftable record, p_instant timestamptz,
  out gift_id uuid, out state text, out expires_at timestamptz, out balance bigint)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_hash constant bytea := sha256(convert_to(engine.email_key(p_to_email), 'UTF8'));
  v_receiver record;
  v_left bigint := p_credits;
  v_grant_ids bigint[];
  v_amounts bigint[];
begin
  perform engine.lock_address(p_to_email);
  select u.user_id, u.account_id into v_receiver
  from playground.user_emails e
  join playground.users u using (user_id)
  where e.email_key = engine.email_key(p_to_email) and u.deleted_at is null;
  start_gift.gift_id := gen_random_uuid();
  start_gift.state := case when v_receiver.user_id is null then 'waiting' else 'sent' end;
  if v_receiver.user_id is null then
    start_gift.expires_at := (
      select (p_instant at time zone 'UTC' + gift_patience) at time zone 'UTC' from playground.platform_settings);
  end if;
  insert into playground.gifts (
    account_id, gift_id, user_id, to_account_id, to_user_id, to_email, to_email_hash, credits, message, state, sent_at, expires_at)
  values (
    p_account_id, start_gift.gift_id, p_user_id, v_receiver.account_id, v_receiver.user_id,
    case when v_receiver.user_id is null then btrim(p_to_email, e' \t\r\n\f\v') end, v_hash, p_credits, p_message,
    start_gift.state, p_instant, start_gift.expires_at);

  for v_i in 1 .. cardinality(p_giftable.grant_ids) loop
    exit when v_left = 0;
    v_grant_ids[v_i] := p_giftable.grant_ids[v_i];
    v_amounts[v_i] := -least(v_left, p_giftable.free[v_i]);
    v_left := v_left + v_amounts[v_i];
    insert into playground.gift_parts (account_id, gift_id, position, payment_intent_id, purchase_id, grant_id, credits)
    values (
      p_account_id, start_gift.gift_id, v_i, p_giftable.payment_intent_ids[v_i], p_giftable.purchase_ids[v_i], v_grant_ids[v_i], -v_amounts[v_i]);
  end loop;
  balance := (engine.post_transaction(
    p_account_id, p_instant, p_instant, 'gift', 'Gift sent', v_grant_ids, v_amounts,
    p_user_id => p_user_id, p_metadata => jsonb_build_object('giftId', start_gift.gift_id))).balance_after;

  if v_receiver.user_id is null then
    insert into playground.waiting_gifts (email_hash, account_id, gift_id)
    values (v_hash, p_account_id, start_gift.gift_id);
    perform engine.write_notice(
      p_user_id, 'gift_waiting', start_gift.gift_id::text,
      jsonb_build_object(
        'from', engine.sender_name(p_user_id), 'credits', p_credits, 'message', p_message, 'expiresAt', engine.iso(start_gift.expires_at)),
      p_instant, btrim(p_to_email, e' \t\r\n\f\v'));
  end if;
end $$;
comment on function engine.start_gift(uuid, uuid, text, bigint, text, record, timestamptz) is
  'The sender''s step: credits leave the grants that engine.giftable found, and are under way to whoever has the address, or wait for them. The account is locked by the caller, who saw that they suffice.';
