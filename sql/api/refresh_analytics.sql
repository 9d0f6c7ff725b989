create or replace function api.refresh_analytics(p_user_id uuid, p_token text, p_request_id text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  return json_build_object('refreshedAt', engine.iso(admin.refresh_analytics('asked for over HTTP')));
end $$;
comment on function api.refresh_analytics(uuid, text, text) is
  'POST /admin/cost-analytics/refresh. Makes the cached views anew; readers are not blocked. SCA01, SCA07.';
