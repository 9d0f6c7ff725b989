-- What an operator does: for whom, why, and the line it leaves behind.

create or replace function engine.check_reason(p_reason text)
returns void
language plpgsql stable
as $$
begin
  if p_reason is null or p_reason !~ '[^[:space:]]' then
    perform engine.refuse('SCD03', 'Say why: the reason is kept in the audit log.');
  end if;
end $$;
comment on function engine.check_reason(text) is 'SCD03 when no reason is given.';

create or replace function engine.acting_seal(p_user_id text)
returns text
language sql stable
as $$
  select encode(
    ext.hmac(format('acting %s %s %s', p_user_id, pg_backend_pid(), pg_current_xact_id()), pseudonym_key, 'sha256'), 'hex')
  from playground.platform_state
$$;
comment on function engine.acting_seal(text) is
  'What stands beside the id of who acts, so that it is believed: made with a key that nobody outside reads, good for this transaction of this session.';

create or replace function engine.act_as(p_user_id uuid, p_request_id text)
returns void
language plpgsql volatile
as $$
begin
  -- They end with this transaction.
  perform set_config('scrip.acting_user', p_user_id::text, true), set_config('scrip.request_id', coalesce(p_request_id, ''), true),
    set_config('scrip.acting_seal', engine.acting_seal(p_user_id::text), true);
end $$;
comment on function engine.act_as(uuid, text) is 'From here on, in this transaction, what is audited bears the id of this admin and of the request.';

create or replace function engine.acting_user()
returns uuid
language plpgsql stable
as $$
declare
  v_user_id constant text := nullif(current_setting('scrip.acting_user', true), '');
begin
  -- Anybody may set these names to anything; only engine.act_as can seal it.
  if v_user_id is null or current_setting('scrip.acting_seal', true) is distinct from engine.acting_seal(v_user_id) then
    return null;
  end if;
  return v_user_id::uuid;
end $$;
comment on function engine.acting_user() is 'The admin for whom this transaction acts, as engine.act_as said; null for everybody else, whatever the session''s settings say.';

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
declare
  v_acting_user_id constant uuid := engine.acting_user();
begin
  perform engine.check_reason(p_reason);
  insert into playground.audit_log (created_at, actor, action, user_id, subject, before, after, reason, acting_user_id, request_id)
  values (
    engine.now(), session_user, p_action, p_user_id, p_subject, p_before, p_after, btrim(p_reason),
    v_acting_user_id, case when v_acting_user_id is not null then left(nullif(current_setting('scrip.request_id', true), ''), 100) end
  );
end $$;
comment on function engine.write_audit(text, uuid, text, jsonb, jsonb, text) is
  'Leaves the line of one change: who is the session''s own role, not the one it took, and the admin for whom engine.check_admin let it act. SCD03 when no reason is given.';

create or replace function engine.shown_name(p_name text)
returns text
language sql stable
as $$
  select coalesce(
    (
      select email
      from playground.users
      where user_id = case when p_name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_name::uuid end
    ),
    p_name);
$$;
comment on function engine.shown_name(text) is
  'Who did something, as operators read it: an admin who asked over HTTP is kept by id and shown by address, while they have one; a role by its name.';

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
    perform engine.refuse('SCD04', engine.unknown_person(p_user_id));
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
    perform engine.refuse('SCD04', engine.unknown_person(p_user_id));
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

create or replace function engine.set_flag(p_user_id uuid, p_flag text, p_value boolean, p_action text, p_reason text)
returns void
language plpgsql volatile
as $$
declare
  v_user playground.users;
begin
  perform engine.check_reason(p_reason);
  if p_value is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set is_admin = case p_flag when 'isAdmin' then p_value else is_admin end,
    is_author = case p_flag when 'isAuthor' then p_value else is_author end,
    is_unlimited = case p_flag when 'isUnlimited' then p_value else is_unlimited end
  where user_id = p_user_id;
  perform engine.write_audit(
    p_action, p_user_id, null,
    jsonb_build_object(p_flag, case p_flag when 'isAdmin' then v_user.is_admin when 'isAuthor' then v_user.is_author else v_user.is_unlimited end),
    jsonb_build_object(p_flag, p_value), p_reason
  );
end $$;
comment on function engine.set_flag(uuid, text, boolean, text, text) is
  'Says whether a person is an admin, a verified author or without limits (p_flag isAdmin, isAuthor, isUnlimited). SCD02 for neither true nor false, SCD03 without a reason, SCD04 for an unknown person.';
