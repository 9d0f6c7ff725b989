create or replace function api.get_package(p_user_id uuid, p_package text)
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object(
    'id', package.package_id,
    'name', package.name,
    'version', newest.version,
    'format', newest.format,
    'subtype', newest.subtype,
    'description', newest.description,
    'tokens', engine.estimate_tokens(newest.prompt_octets),
    'versions', (
      select json_agg(
        json_build_object(
          'version', version,
          'tokens', engine.estimate_tokens(prompt_octets),
          'isPrerelease', is_prerelease,
          'publishedAt', engine.iso(published_at)
        )
        order by version_order desc, version collate "C" desc
      )
      from playground.package_versions
      where package_id = package.package_id
    )
  )
  from playground.packages as package
  cross join lateral (
    select version, format, subtype, description, prompt_octets
    from playground.package_versions
    where package_id = package.package_id
    order by is_prerelease, version_order desc, version collate "C" desc
    limit 1
  ) as newest
  where package.package_id = engine.find_package(p_user_id, p_package);
$$;
comment on function api.get_package(uuid, text) is
  'GET /packages/{id}. One package by id or name, with its versions, newest first; tokens are estimated. SCP01 when there is none that this person (null: nobody) may use.';
