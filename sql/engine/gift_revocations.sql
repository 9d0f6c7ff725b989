-- What refunds and disputes of a purchase ask back from those who were given of it. Computed from the state alone, never
-- added up: in whatever order events and steps come, the end is the same.

create or replace function engine.take_from_gifts(p_account_id uuid, p_payment_intent_id text, p_wanted bigint, p_suspend bigint)
returns bigint
language plpgsql volatile
as $$
declare
  v_part record;
  v_left bigint := greatest(p_wanted, 0);
  v_suspend_left bigint := greatest(p_suspend, 0);
  v_wanted bigint;
  v_suspend bigint;
begin
  perform engine.lock_gifts_of(p_account_id);
  for v_part in
    select p.*, g.state = 'arrived' as has_arrived
    from playground.gift_parts p
    join playground.gifts g using (account_id, gift_id)
    where p.account_id = p_account_id and p.payment_intent_id = p_payment_intent_id and g.state <> 'returned'
    order by g.sent_at, p.gift_id, p.position
  loop
    -- Whose part is used up gives no more than it gave, until it has got some of it back.
    v_wanted := least(v_left, case when v_part.is_used_up then v_part.taken else v_part.credits end);
    v_suspend := case when v_part.is_used_up and v_wanted = v_part.taken then 0 else least(v_suspend_left, v_part.credits - v_wanted) end;
    v_left := v_left - v_wanted;
    v_suspend_left := v_suspend_left - v_suspend;
    update playground.gift_parts
    set wanted = v_wanted,
      suspend_wanted = v_suspend,
      taken = case when v_part.has_arrived then v_part.taken else v_wanted end,
      is_used_up = v_part.is_used_up and v_wanted = v_part.taken,
      step = case
        when v_part.has_arrived and (v_part.step = 'receiver' or v_wanted <> v_part.taken or v_suspend <> v_part.suspend_wanted) then 'receiver'
      end
    where account_id = p_account_id and gift_id = v_part.gift_id and position = v_part.position;
  end loop;
  return greatest(p_wanted, 0) - v_left;
end $$;
comment on function engine.take_from_gifts(uuid, text, bigint, bigint) is
  'Spreads p_wanted, all that is to come back from the gifted parts of a payment, and p_suspend over them, oldest gift first; figures may be lower than before. On the way a part gives at once; where it has arrived the receiver''s step takes, gives back and suspends. Returns the credits that these parts have given or are asked for. The sender''s account is locked by the caller.';

create or replace function engine.fit_gift_part(p_account_id uuid, p_part playground.gift_parts, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant record;
  v_change bigint;
begin
  select grant_id, remaining, held into strict v_grant
  from playground.grants
  where account_id = p_account_id and grant_id = p_part.to_grant_id;
  -- What holds have is not taken; the sender answers for it.
  v_change := p_part.taken - least(p_part.wanted, p_part.taken + v_grant.remaining - v_grant.held);
  if v_change <> 0 then
    perform engine.post_transaction(
      p_account_id, p_instant, p_instant, 'refund',
      case when v_change < 0 then 'Credits of a gift whose payment was refunded or disputed'
        else 'Credits of a gift given back: a refund failed or a dispute was won' end,
      array[v_grant.grant_id], array[v_change], p_metadata => jsonb_build_object('giftId', p_part.gift_id));
  end if;
  perform engine.set_suspended(
    p_account_id, v_grant.grant_id, least(p_part.suspend_wanted, v_grant.remaining + v_change), p_instant);
  update playground.gift_parts
  set taken = p_part.taken - v_change,
    is_used_up = p_part.taken - v_change < p_part.wanted or (p_part.is_used_up and v_change = 0),
    step = case when p_part.taken - v_change < p_part.wanted then 'sender' end
  where account_id = p_part.account_id and gift_id = p_part.gift_id and position = p_part.position;
end $$;
comment on function engine.fit_gift_part(uuid, playground.gift_parts, timestamptz) is
  'The receiver''s step: what is wanted of an arrived part is taken as far as it is there unheld, what is wanted no more given back, what is disputed suspended. Where less was there than wanted, the sender''s step is next. Account and gift are locked by the caller.';
