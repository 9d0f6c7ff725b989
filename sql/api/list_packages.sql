create or replace function api.list_packages(
  p_user_id uuid default null,
  p_query text default null,
  p_limit integer default 20,
  p_cursor text default null
)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after text := '';
  v_found json[];
  v_names text[];
begin
  if p_limit is null or p_limit not between 1 and 100 then
    perform engine.refuse(
      'SCV01',
      'The limit must lie between 1 and 100.',
      json_build_object('fields', json_build_object('limit', 'must lie between 1 and 100'))
    );
  end if;
  -- A cursor is the last name shown, in hexadecimal; names are printable ASCII, so nothing else can come out of it.
  if p_cursor !~ '^(2[1-9a-f]|[3-6][0-9a-f]|7[0-9a-e]){1,214}$' then
    perform engine.refuse(
      'SCV01',
      'The cursor is not one that this list has given.',
      json_build_object('fields', json_build_object('cursor', 'is not one that this list has given'))
    );
  end if;
  if p_cursor is not null then
    v_after := convert_from(decode(p_cursor, 'hex'), 'UTF8');
  end if;

  -- One more than asked for tells whether there is a next page.
  select array_agg(listed.package order by listed.name), array_agg(listed.name order by listed.name)
  into v_found, v_names
  from (
    select package.name, json_build_object(
        'id', package.package_id,
        'name', package.name,
        'version', newest.version,
        'format', newest.format,
        'subtype', newest.subtype,
        'description', newest.description,
        'tokens', engine.estimate_tokens(newest.prompt_octets)
      ) as package
    from playground.packages as package
    cross join lateral (
      select version, format, subtype, description, prompt_octets
      from playground.package_versions
      where package_id = package.package_id
      order by is_prerelease, version_order desc, version collate "C" desc
      limit 1
    ) as newest
    where package.name > v_after
      and (
        not package.is_private
        or engine.may_use_package(p_user_id, package.is_private, package.author_user_id, package.organization_id)
      )
      and (
        p_query is null
        or strpos(lower(package.name), lower(p_query)) > 0
        or strpos(lower(newest.description), lower(p_query)) > 0
      )
    order by package.name
    limit p_limit + 1
  ) as listed;

  return json_build_object(
    'packages', coalesce(to_json(v_found[1:p_limit]), '[]'),
    'nextCursor', case
      when cardinality(v_names) > p_limit then encode(convert_to(v_names[p_limit], 'UTF8'), 'hex')
    end
  );
end $$;
comment on function api.list_packages(uuid, text, integer, text) is
  'GET /packages. Public packages and those the person (null: nobody) may use, by name, newest version each; p_query is looked for in name and description, tokens are estimated. SCV01 for a limit outside 1–100 or a strange cursor.';
