create or replace function api.create_organization(p_user_id uuid, p_name text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit integer;
  v_organization_id uuid;
begin
  -- One at a time, so that the count is true, and by nobody who was deleted meanwhile.
  perform
  from playground.users
  where user_id = p_user_id
  for no key update;
  perform engine.find_account(p_user_id);
  if not engine.is_organization_name(p_name) then
    perform engine.refuse_field('name', 'must have 1 to 200 printable characters');
  end if;
  select organizations_per_person into strict v_limit from playground.platform_settings;
  if v_limit <= (select count(*) from playground.organization_members where user_id = p_user_id and role = 'owner') then
    perform engine.refuse('SCN05', format('A person may own %s organisations.', v_limit));
  end if;
  v_organization_id := engine.add_organization(p_name, p_user_id);
  return engine.organization_json(p_user_id, v_organization_id);
end $$;
comment on function api.create_organization(uuid, text) is
  'POST /organizations. Makes an organisation, not verified, owned by its maker. SCA02, SCV01, SCN05 for whoever owns organizations_per_person already.';
