create or replace function api.get_user_costs(p_user_id uuid, p_token text, p_request_id text, p_person_id uuid)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_person(p_person_id);
  return engine.person_document(p_person_id);
end $$;
comment on function api.get_user_costs(uuid, text, text, uuid) is
  'GET /admin/cost-analytics/users/{id}. What a person costs, may cost and is kept from at this moment, and what would refuse a run: US dollars, runs, percents; the newest 20 alerts. Catches the account up. SCN03 when unknown; SCA01, SCA07.';
