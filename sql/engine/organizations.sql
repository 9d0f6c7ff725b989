-- Organisations: who belongs to one and may change that, who pays for it, and whether its members are offered its price.
-- Whoever changes members or verification locks the organisation's row; where an account is locked too, that comes first.

create or replace function engine.is_organization_name(p_name text)
returns boolean
language sql immutable
as $$ select coalesce(btrim(p_name) ~ '^[^[:cntrl:]]{1,200}$', false) $$;
comment on function engine.is_organization_name(text) is 'Whether a text can be an organisation''s name: 1 to 200 printable characters.';

create or replace function engine.add_organization(p_name text, p_owner uuid)
returns uuid
language plpgsql volatile
as $$
declare
  v_organization_id constant uuid := gen_random_uuid();
  v_now constant timestamptz := engine.now();
begin
  insert into playground.organizations (organization_id, name, created_at)
  values (v_organization_id, btrim(p_name), v_now);
  insert into playground.organization_members (organization_id, user_id, role, joined_at)
  values (v_organization_id, p_owner, 'owner', v_now);
  return v_organization_id;
end $$;
comment on function engine.add_organization(text, uuid) is 'Makes an organisation, not verified, with its owner. Returns its id.';

create or replace function engine.organization_role(p_user_id uuid, p_organization_id uuid)
returns text
language plpgsql stable
as $$
declare
  v_role constant text := (
    select role
    from playground.organization_members
    where organization_id = p_organization_id
      and user_id = p_user_id
  );
begin
  if v_role is null then
    perform engine.refuse('SCN01', 'There is no such organisation.');
  end if;
  return v_role;
end $$;
comment on function engine.organization_role(uuid, uuid) is
  'The role a person has in an organisation: owner, admin or member. SCN01 when none, so that nobody learns of others'' organisations.';

create or replace function engine.check_organization_role(p_user_id uuid, p_organization_id uuid)
returns void
language plpgsql stable
as $$
begin
  if engine.organization_role(p_user_id, p_organization_id) = 'member' then
    perform engine.refuse('SCN02', 'Only owners and admins of the organisation may do this.');
  end if;
end $$;
comment on function engine.check_organization_role(uuid, uuid) is 'SCN01 unless a member of the organisation, SCN02 unless its owner or admin.';

create or replace function engine.put_member(p_organization_id uuid, p_user_id uuid, p_role text)
returns boolean
language plpgsql volatile
as $$
begin
  if p_role is null then
    delete from playground.organization_members
    where organization_id = p_organization_id
      and user_id = p_user_id;
  else
    insert into playground.organization_members (organization_id, user_id, role, joined_at)
    values (p_organization_id, p_user_id, p_role, engine.now())
    on conflict (organization_id, user_id) do update
    set role = excluded.role;
  end if;
  return exists (
    select
    from playground.organization_members
    where organization_id = p_organization_id
      and role = 'owner'
  );
end $$;
comment on function engine.put_member(uuid, uuid, text) is
  'Makes a person owner, admin or member of an organisation that the caller has locked; a null role removes them. False when no owner is left: the caller refuses then.';

create or replace function engine.organization_json(p_user_id uuid, p_organization_id uuid)
returns json
language sql stable
as $$
  select json_build_object(
    'id', o.organization_id,
    'name', o.name,
    'isVerified', o.is_verified,
    'role', viewer.role,
    'members', (
      select json_agg(
        json_build_object(
          'userId', m.user_id,
          'username', u.username,
          'email', case when viewer.role <> 'member' then u.email end,
          'role', m.role,
          'joinedAt', engine.iso(m.joined_at)
        )
        order by m.joined_at, m.user_id
      )
      from playground.organization_members as m
      join playground.users as u using (user_id)
      where m.organization_id = o.organization_id
        and u.deleted_at is null
    ),
    'createdAt', engine.iso(o.created_at)
  )
  from playground.organizations as o
  join playground.organization_members as viewer using (organization_id)
  where o.organization_id = p_organization_id
    and viewer.user_id = p_user_id;
$$;
comment on function engine.organization_json(uuid, uuid) is
  'An organisation as the API shows it to one of its members; e-mail addresses only to owners and admins. Null for others.';

create or replace function engine.organization_account(p_organization_id uuid)
returns uuid
language plpgsql volatile
as $$
declare
  v_now constant timestamptz := engine.now();
begin
  insert into playground.accounts (account_id, kind, last_instant, last_effective_at, created_at)
  values (p_organization_id, 'organization', v_now, v_now, v_now)
  on conflict (account_id) do nothing;
  return p_organization_id;
end $$;
comment on function engine.organization_account(uuid) is 'The account that pays for an organisation; it has the organisation''s id, and is made when it is first asked for.';

create or replace function engine.refresh_verification(p_organization_id uuid)
returns void
language plpgsql volatile
as $$
begin
  -- The plan is read by a statement that begins after the wait, so that of two who change something at once the later
  -- sees what the earlier did.
  perform
  from playground.organizations
  where organization_id = p_organization_id
  for no key update;

  update playground.organizations
  set is_verified = is_verified_by_operator or exists (
    select
    from playground.subscriptions as s
    join playground.plan_prices as p using (plan_price)
    where s.account_id = p_organization_id
      and s.ended_at is null
      and s.status in ('active', 'trialing')
      and s.periods > 0
      and p.plan = 'verified'
  )
  where organization_id = p_organization_id;
end $$;
comment on function engine.refresh_verification(uuid) is
  'Sets whether an organisation is verified: an operator said so, or its verified plan is live and a period of it was paid.';
