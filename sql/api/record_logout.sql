create or replace function api.record_logout(p_user_id uuid, p_token_hash bytea)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token playground.refresh_tokens := engine.lock_refresh_token(p_user_id, p_token_hash);
begin
  perform engine.end_token_family(p_user_id, v_token.family_id, engine.now());
end $$;
comment on function api.record_logout(uuid, bytea) is
  'POST /auth/logout. Ends the family of a refresh token (sha256); an unknown one changes nothing.';
