begin;
\ir ../helpers.psql
select plan(21);

select tests.freeze('2026-03-01 12:00:00+00');
select tests.make_user() as author_id, tests.make_user() as other_id \gset

create function tests.import(
  p_name text default '@tests/greeter',
  p_version text default '1.0.0',
  p_files jsonb default '[{"path": "SKILL.md", "content": "Grüße\n"}, {"path": "more.md", "content": "mehr"}]',
  p_manifest jsonb default '{"name": "greeter", "tags": ["a"]}',
  p_description text default 'Greets',
  p_author_id uuid default null,
  p_is_private boolean default false
)
returns setof record
language sql
as $$
  select *
  from admin.import_package(p_name, p_version, p_description, 'claude', 'skill', p_files, p_manifest, p_author_id, null,
    p_is_private)
$$;

select package_id, created from tests.import() as imported (package_id uuid, created boolean) \gset
select ok(:'created', 'a new version is created');
select results_eq(
  format($$
    select version, version_order collate pg_catalog."default", is_prerelease, description, format, subtype, manifest, prompt, prompt_octets,
      prompt_sha256, published_at
    from playground.package_versions
    where package_id = %L
  $$, :'package_id'),
  $$
    values (
      '1.0.0', array['000011', '000010', '000010', '2'], false, 'Greets', 'claude', 'skill',
      '{"name": "greeter", "tags": ["a"]}'::jsonb, e'Grüße\n\n\nmehr', 14,
      sha256(convert_to(e'Grüße\n\n\nmehr', 'UTF8')), '2026-03-01 12:00:00+00'::timestamptz
    )
  $$,
  'the version keeps the joined prompt, its octets and its hash'
);
select results_eq(
  format($$
    select position, path, content, octets
    from playground.package_files
    where package_id = %L
    order by position
  $$, :'package_id'),
  $$ values (1, 'SKILL.md', e'Grüße\n', 8), (2, 'more.md', 'mehr', 4) $$,
  'each file has a row of its own'
);
select results_eq(
  $$ select actor = session_user, action, subject, after ->> 'promptOctets' from playground.audit_log $$,
  $$ values (true, 'import_package', '@tests/greeter 1.0.0', '14') $$,
  'publishing leaves a line in the audit log'
);

select results_eq(
  $$ select * from tests.import() as imported (package_id uuid, created boolean) $$,
  format($$ values (%L::uuid, false) $$, :'package_id'),
  'the same version with the same content is a result, not an error'
);
select is((select count(*) from playground.audit_log), 1::bigint, 'and changes nothing, so it is not audited');
select throws_ok(
  statement, 'SCI03', 'Version 1.0.0 of @tests/greeter is there with other content.', label || ' is other content'
)
from (values
  ('another text', $$ select tests.import(p_files => '[{"path": "SKILL.md", "content": "Hello"}]') $$),
  ('the same text under another path',
    $$ select tests.import(p_files => '[{"path": "SKILL.md", "content": "Grüße\n"}, {"path": "x.md", "content": "mehr"}]') $$),
  ('another order', $$ select tests.import(
      p_files => '[{"path": "more.md", "content": "mehr"}, {"path": "SKILL.md", "content": "Grüße\n"}]') $$),
  ('another manifest', $$ select tests.import(p_manifest => '{"name": "greeter"}') $$),
  ('another description', $$ select tests.import(p_description => 'Greets well') $$)
) as listed (label, statement);
select results_eq(
  $$ select * from tests.import(p_version => '1.1.0-rc.1') as imported (package_id uuid, created boolean) $$,
  format($$ values (%L::uuid, true) $$, :'package_id'),
  'another version belongs to the same package'
);
select is(
  (select is_prerelease from playground.package_versions where version = '1.1.0-rc.1'), true,
  'a pre-release is known as one'
);

select throws_ok(statement, code, null, label)
from (values
  ('SCV02', 'a name with capitals is refused', $$ select tests.import(p_name => 'Greeter') $$),
  ('SCV02', 'a name that looks like an id is refused',
    $$ select tests.import(p_name => '2b6f0cc9-04d1-4c1b-9d5a-0123456789ab') $$),
  ('SCV02', 'a version that is none is refused', $$ select tests.import(p_version => '1') $$),
  ('SCV02', 'a manifest that is no object is refused', $$ select tests.import(p_manifest => '[]') $$),
  ('SCV02', 'a missing description is refused', $$ select tests.import(p_description => null) $$),
  ('SCV02', 'a private package without an owner is refused',
    $$ select tests.import(p_name => '@tests/private', p_is_private => true) $$),
  ('SCV02', 'a package of nobody cannot be taken over',
    format('select tests.import(p_version => %L, p_author_id => %L)', '3.0.0', :'author_id')),
  ('SCD04', 'an unknown author is refused',
    format('select tests.import(p_name => %L, p_author_id => %L)', '@tests/new', gen_random_uuid()))
) as listed (code, label, statement);

select finish();
rollback;
