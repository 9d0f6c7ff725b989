create or replace function api.authenticate_api_key(p_user_id uuid, p_secret_hash bytea)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select engine.check_api_key(p_user_id, p_secret_hash, engine.now());
$$;
comment on function api.authenticate_api_key(uuid, bytea) is
  'Every endpoint called with an API key, but POST /playground/run, where reserve_run does it. SCA01 unless the sha256 is that of a live key of this person.';
