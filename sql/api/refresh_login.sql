create or replace function api.refresh_login(p_user_id uuid, p_token_hash bytea, p_new_token_hash bytea)
returns table (refusal text, refusal_message text, refusal_detail json, "user" json)
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_token playground.refresh_tokens := engine.lock_refresh_token(p_user_id, p_token_hash);
  v_now constant timestamptz := engine.now();
begin
  if v_token.rotated_at is null and v_token.revoked_at is null and v_token.expires_at > v_now then
    update playground.refresh_tokens
    set rotated_at = v_now
    where user_id = p_user_id
      and token_hash = p_token_hash;
    perform engine.issue_refresh_token(p_user_id, p_new_token_hash, v_token.family_id, v_now);
    perform engine.visit_user(p_user_id);
    return query select null::text, null::text, null::json, engine.user_json(p_user_id);
    return;
  end if;

  -- A token that was used before is in two hands. Returned, not raised: a raise would forget that its family ended.
  if v_token.rotated_at is not null then
    perform engine.end_token_family(p_user_id, v_token.family_id, v_now);
  end if;
  return query select 'SCA04', 'This refresh token is not valid; sign in again.', null::json, null::json;
end $$;
comment on function api.refresh_login(uuid, bytea, bytea) is
  'POST /auth/refresh. Exchanges a refresh token (sha256) for the next one of its family. SCA04 when it is unknown, expired or revoked; one that was exchanged before also ends its family. SCA02 when the person was deleted.';
