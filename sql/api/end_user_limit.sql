create or replace function api.end_user_limit(p_user_id uuid, p_token text, p_request_id text, p_person_id uuid, p_reason text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_reason_field(p_reason);
  perform engine.check_person(p_person_id);
  -- The account before the person: what is answered may have to catch it up.
  perform engine.touch_account_of(p_person_id);
  perform admin.end_user_limit(p_person_id, p_reason);
  return engine.person_document(p_person_id);
end $$;
comment on function api.end_user_limit(uuid, text, text, uuid, text) is
  'DELETE /admin/cost-analytics/users/{id}/limits. Ends the limits that a person was given, standing and temporary, and answers how they stand under the tier''s; who has none is left alone, and nothing is audited. SCV01 without a reason, SCN03 when unknown; SCA01, SCA07.';
