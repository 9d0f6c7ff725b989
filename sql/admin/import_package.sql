create or replace function admin.import_package(
  p_name text,
  p_version text,
  p_description text,
  p_format text,
  p_subtype text,
  p_files jsonb,
  p_manifest jsonb,
  p_author_id uuid default null,
  p_organization_id uuid default null,
  p_is_private boolean default false
)
returns table (package_id uuid, created boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
  v_version_order constant text[] := engine.version_order(p_version);
  v_prompt constant text := engine.join_prompt(p_files);
  v_content_sha256 constant bytea := sha256(convert_to(
    jsonb_build_array(p_name, p_version, p_description, p_format, p_subtype, p_files, p_manifest)::text, 'UTF8'
  ));
  v_package_id uuid;
  v_known_sha256 bytea;
begin
  if num_nulls(p_description, p_format, p_subtype, p_is_private) > 0
    or jsonb_typeof(p_manifest) is distinct from 'object'
  then
    perform engine.refuse_import('manifest', 'lacks a description, format, subtype or visibility');
  end if;
  v_package_id := engine.claim_package(p_name, p_author_id, p_organization_id, p_is_private, v_now);

  select content_sha256 into v_known_sha256
  from playground.package_versions
  where package_id = v_package_id
    and version = p_version;
  if v_known_sha256 = v_content_sha256 then
    return query select v_package_id, false;
    return;
  end if;
  if v_known_sha256 is not null then
    perform engine.refuse(
      'SCI03',
      format('Version %s of %s is there with other content.', p_version, p_name),
      json_build_object('name', p_name, 'version', p_version)
    );
  end if;

  insert into playground.package_versions (
    package_id, version, version_order, is_prerelease, description, format, subtype, manifest, content_sha256,
    prompt, prompt_octets, prompt_sha256, published_at
  )
  values (
    v_package_id, p_version, v_version_order, v_version_order[4] <> '2', p_description, p_format, p_subtype, p_manifest,
    v_content_sha256, v_prompt, octet_length(v_prompt), sha256(convert_to(v_prompt, 'UTF8')), v_now
  );
  insert into playground.package_files (package_id, version, path, position, content, octets)
  select v_package_id, p_version, file ->> 'path', place, file ->> 'content', octet_length(file ->> 'content')
  from jsonb_array_elements(p_files) with ordinality as listed (file, place);
  perform engine.write_audit(
    'import_package',
    p_author_id,
    p_name || ' ' || p_version,
    null,
    jsonb_build_object('contentSha256', encode(v_content_sha256, 'hex'), 'promptOctets', octet_length(v_prompt)),
    'a version is published'
  );
  return query select v_package_id, true;
end $$;
comment on function admin.import_package(text, text, text, text, text, jsonb, jsonb, uuid, uuid, boolean) is
  'Publishes a version of a package: p_files are [{"path","content"}] in prompt order, main file first. The same again: created = false. Audited. SCV02 for what is no package, or is somebody else''s; SCI03 when the version is there with other content; SCD04 for an unknown author or organisation.';
