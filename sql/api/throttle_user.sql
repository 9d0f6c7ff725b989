create or replace function api.throttle_user(
  p_user_id uuid, p_token text, p_request_id text, p_person_id uuid, p_reason text, p_until timestamptz default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_reason_field(p_reason);
  perform engine.check_person(p_person_id);
  if p_until <= engine.now() then
    perform engine.refuse_field('until', 'must lie in the future');
  end if;
  -- The account before the person: what is answered may have to catch it up.
  perform engine.touch_account_of(p_person_id);
  perform admin.throttle(p_person_id, p_reason, p_until);
  return engine.person_document(p_person_id);
end $$;
comment on function api.throttle_user(uuid, text, text, uuid, text, timestamptz) is
  'POST /admin/cost-analytics/users/{id}/throttle. Refuses a person''s runs until an instant, or for good, and answers how they stand. SCV01 without a reason or for an instant that is past, SCN03 when unknown; SCA01, SCA07.';
