create or replace function api.record_login(p_user_id uuid, p_refresh_token_hash bytea, p_token text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.verify_sign_in(p_user_id, p_token);
  perform engine.visit_user(p_user_id);
  delete from playground.login_attempts
  where email_hash = (
    select sha256(convert_to(engine.email_key(email), 'UTF8'))
    from playground.users
    where user_id = p_user_id
  );
  perform engine.issue_refresh_token(p_user_id, p_refresh_token_hash, gen_random_uuid(), engine.now());
  return engine.user_json(p_user_id);
end $$;
comment on function api.record_login(uuid, bytea, text) is
  'POST /auth/login, second step, after the password was right. Forgets the attempts and keeps the sha256 of a refresh token that begins a family. p_token: the access token that is handed out with it. SCA01 when that was not made with a token secret, where one was told; SCA02.';
