create or replace function api.refresh_login(p_user_id uuid, p_token_hash bytea, p_new_token_hash bytea)
returns table (refusal text, refusal_message text, refusal_detail json, "user" json)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select engine.refresh_account(account_id) from playground.users where user_id = p_user_id;

  -- Returned, not raised: a raise would forget that the family of a replayed token ended.
  select
    case when not is_rotated then 'SCA04' end,
    case when not is_rotated then 'This refresh token is not valid; sign in again.' end,
    null::json,
    case when is_rotated then engine.user_json(p_user_id) end
  from engine.rotate_refresh_token(p_user_id, p_token_hash, p_new_token_hash) as is_rotated;
$$;
comment on function api.refresh_login(uuid, bytea, bytea) is
  'POST /auth/refresh. Exchanges a refresh token (sha256) for the next one of its family. SCA04 when it is unknown, expired or revoked, or the person deleted; one that was exchanged before also ends its family.';
