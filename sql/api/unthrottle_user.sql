create or replace function api.unthrottle_user(p_user_id uuid, p_token text, p_request_id text, p_person_id uuid, p_reason text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_reason_field(p_reason);
  perform engine.check_person(p_person_id);
  perform admin.unthrottle(p_person_id, p_reason);
  return engine.person_document(p_person_id);
end $$;
comment on function api.unthrottle_user(uuid, text, text, uuid, text) is
  'POST /admin/cost-analytics/users/{id}/unthrottle. Ends an operator''s throttle, exempts from windows that are exhausted until they end, and answers how the person stands. SCV01 without a reason, SCN03 when unknown; SCA01, SCA07.';
