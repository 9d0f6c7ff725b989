-- What an operator does: for whom, why, and the line it leaves behind.

create or replace function engine.check_reason(p_reason text)
returns void
language plpgsql stable
as $$
begin
  if p_reason is null or p_reason !~ '\S' then
    perform engine.refuse('SCD03', 'Say why: the reason is kept in the audit log.');
  end if;
end $$;
comment on function engine.check_reason(text) is 'SCD03 when no reason is given.';

create or replace function engine.write_audit(
  p_action text,
  p_user_id uuid,
  p_subject text,
  p_before jsonb,
  p_after jsonb,
  p_reason text
)
returns void
language plpgsql volatile
as $$
begin
  perform engine.check_reason(p_reason);
  -- engine.check_admin says on whose word a gateway acts. Anybody may set these names, so who was logged in stands beside them.
  insert into playground.audit_log (created_at, actor, action, user_id, subject, before, after, reason, acting_user_id, request_id)
  values (
    engine.now(), session_user, p_action, p_user_id, p_subject, p_before, p_after, btrim(p_reason),
    nullif(current_setting('scrip.acting_user', true), '')::uuid, left(nullif(current_setting('scrip.request_id', true), ''), 100)
  );
end $$;
comment on function engine.write_audit(text, uuid, text, jsonb, jsonb, text) is
  'Leaves the line of one change: who is the session''s own role, not the one it took, and the admin for whom engine.check_admin let it act. SCD03 when no reason is given.';

create or replace function engine.lock_user(p_user_id uuid)
returns playground.users
language plpgsql volatile
as $$
declare
  v_user playground.users;
begin
  select * into v_user
  from playground.users
  where user_id = p_user_id
    and deleted_at is null
  for no key update;
  if not found then
    perform engine.refuse('SCD04', 'There is no such person.');
  end if;
  return v_user;
end $$;
comment on function engine.lock_user(uuid) is 'A person, locked for a change by an operator. SCD04 when unknown or deleted.';

create or replace function engine.touch_account_of(p_user_id uuid)
returns playground.accounts
language plpgsql volatile
as $$
begin
  perform
  from playground.users
  where user_id = p_user_id
    and deleted_at is null;
  if not found then
    perform engine.refuse('SCD04', 'There is no such person.');
  end if;
  return engine.touch_user(p_user_id);
end $$;
comment on function engine.touch_account_of(uuid) is
  'The account of a person, locked and caught up, for an operator. SCD04 when the person is unknown or deleted.';

create or replace function engine.lock_organization(p_organization_id uuid)
returns playground.organizations
language plpgsql volatile
as $$
declare
  v_organization playground.organizations;
begin
  select * into v_organization
  from playground.organizations
  where organization_id = p_organization_id
  for no key update;
  if not found then
    perform engine.refuse('SCD04', 'There is no such organisation.');
  end if;
  return v_organization;
end $$;
comment on function engine.lock_organization(uuid) is 'An organisation, locked for a change. SCD04 when unknown.';

create or replace function engine.throttle_json(p_user playground.users)
returns jsonb
language sql stable
as $$
  select jsonb_build_object(
    'throttledAt', engine.iso(p_user.throttled_at),
    'reason', p_user.throttled_reason,
    'until', engine.iso(p_user.throttled_until)
  );
$$;
comment on function engine.throttle_json(playground.users) is 'An operator''s throttle as the audit log keeps it.';

create or replace function engine.role_settings(p_role name)
returns table (setting_name text, setting_value text)
language sql stable
as $$
  select split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
  from pg_catalog.pg_db_role_setting
  cross join unnest(setconfig) as setting
  where setrole = (select oid from pg_catalog.pg_roles where rolname = p_role)
    and setdatabase = 0;
$$;
comment on function engine.role_settings(name) is 'The settings of a role, which its members do not inherit.';
