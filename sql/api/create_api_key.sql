create or replace function api.create_api_key(p_user_id uuid, p_name text, p_secret_hash bytea, p_hint text, p_token text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key playground.api_keys;
begin
  perform engine.verify_bearer(p_user_id, p_token);
  perform engine.find_account(p_user_id);
  if p_name is null or btrim(p_name) !~ '^[^[:cntrl:]]{1,100}$' then
    perform engine.refuse_field('name', 'must have 1 to 100 printable characters');
  end if;

  insert into playground.api_keys (user_id, key_id, secret_hash, name, hint, created_at)
  values (p_user_id, gen_random_uuid(), p_secret_hash, btrim(p_name), p_hint, engine.now())
  returning * into v_key;
  return json_build_object(
    'id', v_key.key_id,
    'name', v_key.name,
    'hint', v_key.hint,
    'createdAt', engine.iso(v_key.created_at)
  );
end $$;
comment on function api.create_api_key(uuid, text, bytea, text, text) is
  'POST /auth/keys. Keeps the sha256 of a key''s secret and its last four characters as the hint. p_token: the caller''s own, since a key is worth as much. SCA01 without it, SCA02; SCV01 for a name that is empty or too long.';
