create or replace function api.register_user(
  p_email text,
  p_username text,
  p_password_hash text,
  p_refresh_token_hash bytea
)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id constant uuid := gen_random_uuid();
  v_username constant text := btrim(p_username);
  v_now timestamptz;
begin
  if not engine.is_email(p_email) then
    perform engine.refuse_field('email', 'is not an e-mail address');
  end if;
  if v_username !~ '^[^[:cntrl:]]{1,64}$' then
    perform engine.refuse_field('username', 'must have 1 to 64 printable characters');
  end if;

  -- Decides between two who register the same address at once: the second waits here for the first.
  insert into playground.user_emails (email_key, user_id)
  values (engine.email_key(p_email), v_user_id)
  on conflict do nothing;
  if not found then
    perform engine.refuse('SCA03', 'This e-mail address is registered already.');
  end if;

  v_now := engine.now();
  insert into playground.users (user_id, account_id, email, username, created_at)
  values (v_user_id, v_user_id, btrim(p_email, e' \t\r\n\f\v'), v_username, v_now);
  insert into playground.accounts (account_id, kind, last_instant, last_effective_at, created_at)
  values (v_user_id, 'user', v_now, v_now, v_now);
  insert into playground.credentials (user_id, password_hash, changed_at)
  values (v_user_id, p_password_hash, v_now);
  perform engine.issue_refresh_token(v_user_id, p_refresh_token_hash, gen_random_uuid(), v_now);
  perform engine.grant_signup_credits(v_user_id, p_email);
  perform engine.claim_gifts(v_user_id, v_user_id, p_email, (engine.lock_account(v_user_id)).last_instant);
  return engine.user_json(v_user_id);
end $$;
comment on function api.register_user(text, text, text, bytea) is
  'POST /auth/register. A new person with account, password, first refresh token (sha256), signup credits and gifts that waited for the address, in one transaction. SCA03 when the address is taken, SCV01 when it is none.';
