create or replace function api.grant_user_credits(
  p_user_id uuid, p_token text, p_request_id text, p_person_id uuid, p_credits bigint, p_reason text, p_type text, p_idempotency_key text default null)
returns table (status integer, body text, is_replay boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_instant timestamptz;
  v_fingerprint bytea;
  v_number bigint;
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_idempotency_key(p_idempotency_key);
  perform engine.check_reason_field(p_reason);
  if p_credits is null or p_credits not between 1 and 1000000000 then
    perform engine.refuse_field('credits', 'must lie between 1 and 1000000000');
  end if;
  if p_type is null or p_type not in ('admin', 'bonus') then
    perform engine.refuse_field('type', 'must be admin or bonus');
  end if;
  if p_idempotency_key is not null then
    -- The key is the admin's, the credits are another's: repeats, whomever they name, come one after the other.
    perform pg_advisory_xact_lock(hashtextextended('grant_user_credits ' || p_user_id || ' ' || p_idempotency_key, 0));
    v_instant := engine.now();
    v_fingerprint := engine.fingerprint(p_person_id::text, p_credits::text, p_type, btrim(p_reason));
    select a.status, a.body into status, body
    from engine.find_answer(p_user_id, 'grant_user_credits', p_idempotency_key, v_fingerprint, v_instant) as a;
    if body is not null then
      is_replay := true;
      return next;
      return;
    end if;
  end if;
  perform engine.check_person(p_person_id);

  v_number := admin.grant_credits(p_person_id, p_credits, p_reason, p_type);
  is_replay := false;
  status := 200;
  select json_build_object('credits', p_credits, 'balance', account.last_balance, 'transactionNumber', v_number)::text into strict body
  from playground.accounts as account
  where account.account_id = engine.find_account(p_person_id);
  if p_idempotency_key is not null then
    perform engine.keep_answer_once(p_user_id, 'grant_user_credits', p_idempotency_key, v_fingerprint, status, body, v_instant);
  end if;
  return next;
end $$;
comment on function api.grant_user_credits(uuid, text, text, uuid, bigint, text, text, text) is
  'POST /admin/cost-analytics/users/{id}/credits. Grants credits that do not expire, as admin or bonus; a repeat with the admin''s same key grants once. SCV01 for a wrong field or no reason, SCI01, SCN03 when unknown; SCA01, SCA07.';
