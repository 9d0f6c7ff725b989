create or replace function api.delete_api_key(p_user_id uuid, p_key_id uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.find_account(p_user_id);
  update playground.api_keys
  set revoked_at = engine.now()
  where user_id = p_user_id
    and key_id = p_key_id
    and revoked_at is null;
  if not found then
    perform engine.refuse('SCA05', 'There is no such API key.');
  end if;
end $$;
comment on function api.delete_api_key(uuid, uuid) is
  'DELETE /auth/keys/{id}. Revokes a key at once. SCA05 when this person has no such live key; SCA02.';
