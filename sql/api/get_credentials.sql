create or replace function api.get_credentials(p_email text)
returns table (refusal text, refusal_message text, refusal_detail json, user_id uuid, password_hash text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
  v_limit integer;
  v_window interval;
  v_attempts integer;
  v_ends_at timestamptz;
begin
  select login_attempts, login_attempt_window into strict v_limit, v_window from playground.platform_settings;
  insert into playground.login_attempts as tried (email_hash, window_starts_at, attempts)
  values (sha256(convert_to(engine.email_key(p_email), 'UTF8')), v_now, 1)
  on conflict (email_hash) do update
  set attempts = case
      when tried.window_starts_at <= excluded.window_starts_at - v_window then 1
      -- One beyond the limit says as much as a thousand.
      else least(tried.attempts, v_limit) + 1
    end,
    window_starts_at = case
      when tried.window_starts_at <= excluded.window_starts_at - v_window then excluded.window_starts_at
      else tried.window_starts_at
    end
  returning attempts, window_starts_at + v_window into v_attempts, v_ends_at;

  -- Returned, not raised: a raise would forget the attempt.
  if v_attempts > v_limit then
    return query
    select 'SCA06', 'Too many attempts to sign in with this e-mail address.',
      json_build_object('retryAfter', greatest(1, ceil(extract(epoch from v_ends_at - v_now)))::bigint),
      null::uuid, null::text;
    return;
  end if;

  return query
  select null::text, null::text, null::json, credentials.user_id, credentials.password_hash
  from (select) as nobody
  left join playground.user_emails as address on address.email_key = engine.email_key(p_email)
  left join playground.credentials on credentials.user_id = address.user_id;
end $$;
comment on function api.get_credentials(text) is
  'POST /auth/login, first step. The password hash to verify, null when the address is unknown; counts the attempt. SCA06 (retryAfter in seconds) beyond login_attempts in login_attempt_window, known or not.';
