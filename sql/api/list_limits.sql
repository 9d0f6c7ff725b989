create or replace function api.list_limits(p_user_id uuid, p_token text, p_request_id text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  return json_build_object('limits', (
    select json_agg(engine.tier_document(tiers) order by tiers.tier)
    from playground.tiers
  ));
end $$;
comment on function api.list_limits(uuid, text, text) is
  'GET /admin/cost-analytics/limits. The limits of each tier: API cost of a month and a day (UTC) in US dollars, runs an hour and at once. SCA01, SCA07.';
