create or replace function admin.find_user(p_email text)
returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select user_id from playground.user_emails where email_key = engine.email_key(p_email);
$$;
comment on function admin.find_user(text) is 'The person who signs in with an e-mail address, however it is written; null when there is none.';
