create or replace function admin.create_operator(p_name text, p_reason text default 'a new operator')
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_setting record;
begin
  perform engine.check_reason(p_reason);
  if p_name is null or p_name !~ '^[a-z][a-z0-9_]{0,62}$' or p_name ~ '^(pg|scrip)_' or p_name in ('none', 'public') then
    perform engine.refuse('SCD02', 'A name has up to 63 of a-z, 0-9 and _, begins with a letter, and not with pg_ or scrip_; none and public are taken.');
  end if;
  perform from pg_catalog.pg_roles where rolname = p_name;
  if found then
    perform engine.refuse('SCD02', 'There is a role of this name already.');
  end if;

  execute format('create role %I login in role scrip_operator', p_name);
  for v_setting in select setting_name, setting_value from engine.role_settings('scrip_operator') loop
    -- A search path is a list of names, each quoted on its own: operators may change their settings, so what stands
    -- there is somebody's text and never becomes a statement.
    execute format('alter role %I set %I = ', p_name, v_setting.setting_name)
      || case v_setting.setting_name
        when 'search_path' then (
          select string_agg(quote_ident(btrim(part, ' "')), ', ') from unnest(string_to_array(v_setting.setting_value, ',')) as part)
        else quote_literal(v_setting.setting_value) end;
  end loop;
  perform engine.write_audit('create_operator', null, p_name, null, jsonb_build_object('role', p_name), p_reason);
end $$;
comment on function admin.create_operator(text, text) is
  'Makes a database role for one operator: may log in (pg_hba.conf and ALTER ROLE say how), belongs to scrip_operator and has its settings, which members do not inherit. SCD02 for a wrong or taken name, SCD03 without a reason.';
