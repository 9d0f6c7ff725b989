create or replace function api.redeem_code(
  p_user_id uuid,
  p_code text,
  p_address text,
  p_idempotency_key text default null,
  p_token text default null
)
returns table (refusal text, refusal_message text, refusal_detail json, status integer, body text, is_replay boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account playground.accounts;
  v_instant timestamptz;
  v_fingerprint bytea;
  v_subjects bytea[];
  v_retry_after integer;
  v_redeemed record;
begin
  perform engine.verify_bearer(p_user_id, p_token);
  perform engine.check_idempotency_key(p_idempotency_key);
  if engine.code_key(p_code) is null or engine.code_key(p_code) = '' then
    perform engine.refuse_field('code', 'must be given');
  end if;
  v_account := engine.touch_user(p_user_id);
  v_instant := v_account.last_instant;
  if p_idempotency_key is not null then
    v_fingerprint := engine.fingerprint(engine.code_key(p_code));
    select a.status, a.body into status, body from engine.find_answer(p_user_id, 'redeem', p_idempotency_key, v_fingerprint, v_instant) as a;
    if body is not null then
      is_replay := true;
      return next;
      return;
    end if;
  end if;

  -- Refusals are returned, not raised: a raise would forget the guess.
  v_subjects := engine.guess_subjects(p_user_id, p_address);
  v_retry_after := engine.count_guess(v_subjects, v_instant);
  if v_retry_after is not null then
    refusal := 'SCK04';
    refusal_message := 'Too many codes that do not exist.';
    refusal_detail := json_build_object('retryAfter', v_retry_after);
    return next;
    return;
  end if;
  v_redeemed := engine.redeem(v_account, p_user_id, p_code);
  refusal := v_redeemed.refusal;
  refusal_message := v_redeemed.refusal_message;
  if refusal is distinct from 'SCK01' then
    perform engine.uncount_guess(v_subjects);
  end if;
  if refusal is null then
    is_replay := false;
    status := 200;
    body := json_build_object('credits', v_redeemed.credits, 'balance', v_redeemed.balance, 'code', v_redeemed.code)::text;
    if p_idempotency_key is not null then
      perform engine.keep_answer_once(p_user_id, 'redeem', p_idempotency_key, v_fingerprint, status, body, v_instant);
    end if;
  end if;
  return next;
end $$;
comment on function api.redeem_code(uuid, text, text, text, text) is
  'POST /playground/credits/redeem. Credits of a promo code, once per person. p_address: where the call comes from; p_token: the caller''s own, without which nothing is redeemed. Returned refusals: SCK01, SCK02, SCK03, SCK04 beyond code_attempts wrong codes of a person or an address in code_attempt_window (retryAfter in seconds); raised: SCA01, SCA02, SCV01, SCI01.';
