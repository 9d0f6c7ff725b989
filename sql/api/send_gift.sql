create or replace function api.send_gift(
  p_user_id uuid,
  p_to_email text,
  p_credits bigint,
  p_message text default null,
  p_idempotency_key text default null
)
returns table (
  refusal text, refusal_message text, refusal_detail json, status integer, body text, is_replay boolean, gift_id uuid)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account playground.accounts;
  v_instant timestamptz;
  v_message constant text := nullif(btrim(p_message), '');
  v_fingerprint bytea;
  v_giftable record;
  v_gift record;
begin
  perform engine.check_gift(p_user_id, p_to_email, p_credits, v_message);
  perform engine.check_idempotency_key(p_idempotency_key);
  v_account := engine.touch_user(p_user_id);
  v_instant := v_account.last_instant;
  if p_idempotency_key is not null then
    v_fingerprint := engine.fingerprint(engine.email_key(p_to_email), p_credits::text, v_message);
    select a.status, a.body into status, body from engine.find_answer(p_user_id, 'gift', p_idempotency_key, v_fingerprint, v_instant) as a;
    if body is not null then
      is_replay := true;
      return next;
      return;
    end if;
  end if;

  v_giftable := engine.giftable(v_account.account_id, v_instant);
  select * into refusal, refusal_message, refusal_detail
  from engine.gift_refusal(v_account.account_id, p_user_id, p_credits, v_giftable.credits, v_instant);
  if refusal is null then
    v_gift := engine.start_gift(v_account.account_id, p_user_id, p_to_email, p_credits, v_message, v_giftable, v_instant);
    gift_id := v_gift.gift_id;
    is_replay := false;
    status := 200;
    body := json_build_object(
      'giftId', v_gift.gift_id, 'credits', p_credits, 'balance', v_gift.balance,
      'status', v_gift.state, 'expiresAt', engine.iso(v_gift.expires_at))::text;
    if p_idempotency_key is not null then
      perform engine.keep_answer_once(p_user_id, 'gift', p_idempotency_key, v_fingerprint, status, body, v_instant);
    end if;
  end if;
  return next;
end $$;
comment on function api.send_gift(uuid, text, bigint, text, text) is
  'POST /playground/credits/gift. Bought credits leave the account; api.process_gift_steps brings them to whoever has the address. expiresAt: when they return, if nobody has it yet. Returned refusals: SCG01 (giftable, credits), SCG02, SCG03 (retryAfter in seconds); raised: SCA02, SCV01, SCI01.';
