-- Packages: the order of their versions, who may see them, and which version a run takes.

create or replace function engine.refuse_import(p_field text, p_reason text)
returns void
language plpgsql volatile
as $$
begin
  perform engine.refuse(
    'SCV02',
    format('This package cannot be imported: %s %s.', p_field, p_reason),
    json_build_object('fields', json_build_object(p_field, p_reason))
  );
end $$;
comment on function engine.refuse_import(text, text) is 'Refuses a package for one of its fields: raises SCV02.';

create or replace function engine.version_order(p_version text)
returns text[]
language plpgsql stable
as $$
declare
  v_identifier constant text := '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';
  v_part constant text := '[0-9A-Za-z-]+';
  v_matched text[] := regexp_match(
    p_version,
    '^(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)[.](0|[1-9][0-9]*)'
      || '(?:-(' || v_identifier || '(?:[.]' || v_identifier || ')*))?'
      || '(?:[+]' || v_part || '(?:[.]' || v_part || ')*)?$'
  );
  v_identifiers text[];
begin
  if v_matched is null or length(p_version) > 256 then
    perform engine.refuse_import('version', 'is not a semantic version such as 1.2.3');
  end if;

  v_identifiers := v_matched[1:3] || string_to_array(v_matched[4], '.');
  return array(
    -- A number sorts by its length, then by its digits, and before any word.
    select case
        when identifier ~ '^[0-9]+$' then '0' || lpad(length(identifier)::text, 4, '0') || identifier
        else '1' || identifier
      end
    from unnest(v_identifiers) with ordinality as listed (identifier, place)
    order by place
  )
  -- A release sorts after all of its pre-releases.
  || case when v_matched[4] is null then array['2'] else array[]::text[] end;
end $$;
comment on function engine.version_order(text) is
  'What sorts, compared as collate "C", as Semantic Versioning 2.0.0 says; build data does not count. SCV02 when the text is no such version.';

create or replace function engine.may_use_package(
  p_user_id uuid,
  p_is_private boolean,
  p_author_user_id uuid,
  p_organization_id uuid
)
returns boolean
language sql stable
as $$
  select not p_is_private
    or coalesce(p_author_user_id = p_user_id, false)
    or exists (
      select
      from playground.organization_members
      where organization_id = p_organization_id
        and user_id = p_user_id
    );
$$;
comment on function engine.may_use_package(uuid, boolean, uuid, uuid) is
  'Whether a person (null: nobody in particular) may find and run a package: a public one, their own, or one of their organisation.';

create or replace function engine.find_package(p_user_id uuid, p_package text)
returns uuid
language plpgsql stable
as $$
declare
  v_package_id uuid;
begin
  -- No name looks like an id: claim_package sees to it. Most are public, and a call costs more than the look-up.
  if p_package ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select package_id into v_package_id
    from playground.packages
    where package_id = p_package::uuid
      and (not is_private or engine.may_use_package(p_user_id, is_private, author_user_id, organization_id));
  else
    select package_id into v_package_id
    from playground.packages
    where name = p_package
      and (not is_private or engine.may_use_package(p_user_id, is_private, author_user_id, organization_id));
  end if;
  if v_package_id is null then
    perform engine.refuse('SCP01', 'There is no such package.');
  end if;
  return v_package_id;
end $$;
comment on function engine.find_package(uuid, text) is
  'The id of a package told by id or name. SCP01 when there is none that this person may use.';

create or replace function engine.find_package_version(
  p_user_id uuid, p_package text, p_version text,
  out package_id uuid, out version text, out prompt text, out prompt_octets integer)
language plpgsql stable
as $$
begin
  package_id := engine.find_package(p_user_id, p_package);
  if p_version is null then
    -- The newest release; only where nothing was released yet, the newest pre-release.
    select v.version, v.prompt, v.prompt_octets into version, prompt, prompt_octets
    from playground.package_versions v
    where v.package_id = find_package_version.package_id
    order by v.is_prerelease, v.version_order desc, v.version collate "C" desc
    limit 1;
  else
    select v.version, v.prompt, v.prompt_octets into version, prompt, prompt_octets
    from playground.package_versions v
    where v.package_id = find_package_version.package_id and v.version = p_version;
  end if;
  if not found then
    perform engine.refuse('SCP01', 'This package has no such version.');
  end if;
end $$;
comment on function engine.find_package_version(uuid, text, text) is
  'The version that a run takes (null: the newest) with its prompt; prompt_octets in octets. SCP01 when this person may use none such.';

create or replace function engine.join_prompt(p_files jsonb)
returns text
language plpgsql stable
as $$
declare
  v_prompt text;
  v_paths bigint;
begin
  if jsonb_typeof(p_files) is distinct from 'array' then
    perform engine.refuse_import('files', 'must be a list');
  end if;
  if exists (
    select
    from jsonb_array_elements(p_files) as listed (file)
    where jsonb_typeof(file -> 'path') is distinct from 'string'
      or jsonb_typeof(file -> 'content') is distinct from 'string'
  ) then
    perform engine.refuse_import('files', 'must hold {"path": text, "content": text} only');
  end if;

  select string_agg(file ->> 'content', e'\n\n' order by place), count(distinct file ->> 'path')
  into v_prompt, v_paths
  from jsonb_array_elements(p_files) with ordinality as listed (file, place);

  if v_paths < jsonb_array_length(p_files) then
    perform engine.refuse_import('files', 'must not name a path twice');
  end if;
  if coalesce(v_prompt, '') !~ '[^[:space:]]' then
    perform engine.refuse_import('files', 'must hold some text');
  end if;
  return v_prompt;
end $$;
comment on function engine.join_prompt(jsonb) is
  'The prompt of a list of files [{"path","content"}]: their texts in this order, joined by a blank line. SCV02 when there is nothing to join.';

create or replace function engine.claim_package(
  p_name text,
  p_author_id uuid,
  p_organization_id uuid,
  p_is_private boolean,
  p_now timestamptz
)
returns uuid
language plpgsql volatile
as $$
declare
  v_package playground.packages;
begin
  if p_name is null or length(p_name) > 214 or p_name !~ '^(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$' then
    perform engine.refuse_import('name', 'is not a package name');
  end if;
  -- Packages are asked for by id or name: a name like an id could stand for another package.
  if p_name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    perform engine.refuse_import('name', 'must not look like an id');
  end if;
  if p_is_private and p_author_id is null and p_organization_id is null then
    perform engine.refuse_import('isPrivate', 'needs an author or an organisation');
  end if;
  if p_author_id is not null and not exists (
    select from playground.users where user_id = p_author_id and deleted_at is null
  ) then
    perform engine.refuse('SCD04', 'There is no such author.');
  end if;
  if p_organization_id is not null and not exists (
    select from playground.organizations where organization_id = p_organization_id
  ) then
    perform engine.refuse('SCD04', 'There is no such organisation.');
  end if;

  insert into playground.packages (package_id, name, author_user_id, organization_id, is_private, created_at)
  values (gen_random_uuid(), p_name, p_author_id, p_organization_id, p_is_private, p_now)
  on conflict (name) do nothing;
  -- Whoever publishes at the same time waits here, and then sees the version that was first.
  select * into strict v_package
  from playground.packages
  where name = p_name
  for no key update;
  if p_author_id is distinct from v_package.author_user_id
    or p_organization_id is distinct from v_package.organization_id
  then
    perform engine.refuse_import('name', 'belongs to somebody else');
  end if;
  if p_is_private <> v_package.is_private then
    perform engine.refuse_import('isPrivate', 'cannot change with a version');
  end if;
  return v_package.package_id;
end $$;
comment on function engine.claim_package(text, uuid, uuid, boolean, timestamptz) is
  'The package of this name, made when it is new, and locked for publishing. SCV02 for a wrong name, another owner or another visibility; SCD04 for an unknown author or organisation.';
