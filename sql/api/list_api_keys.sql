create or replace function api.list_api_keys(p_user_id uuid)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.find_account(p_user_id);
  return json_build_object('keys', coalesce(
    (
      select json_agg(
        json_build_object(
          'id', key_id,
          'name', name,
          'hint', hint,
          'createdAt', engine.iso(created_at),
          'lastUsedAt', engine.iso(last_used_at)
        )
        order by created_at, key_id
      )
      from playground.api_keys
      where user_id = p_user_id
        and revoked_at is null
    ),
    '[]'
  ));
end $$;
comment on function api.list_api_keys(uuid) is
  'GET /auth/keys. The person''s live keys, oldest first; lastUsedAt is true to the hour. SCA02.';
