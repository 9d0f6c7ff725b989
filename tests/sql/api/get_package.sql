begin;
\ir ../helpers.psql
select plan(6);

create function tests.publish(p_version text)
returns uuid
language sql
as $$
  select package_id
  from admin.import_package('@tests/one', p_version, 'of ' || p_version, 'claude', 'agent',
    jsonb_build_array(jsonb_build_object('path', 'a.md', 'content', repeat('x', length(p_version)))), '{}')
$$;

select tests.freeze('2026-03-01 12:00:00.5+00');
select tests.publish('1.9.0') as package_id \gset
select tests.publish(version) from unnest(array['1.10.0', '2.0.0-rc.1']) as listed (version) \g /dev/null
select is(
  api.get_package(null, '@tests/one')::jsonb,
  jsonb_build_object(
    'id', :'package_id', 'name', '@tests/one', 'version', '1.10.0', 'format', 'claude', 'subtype', 'agent',
    'description', 'of 1.10.0', 'tokens', 2,
    'versions', '[
      {"version": "2.0.0-rc.1", "tokens": 4, "isPrerelease": true, "publishedAt": "2026-03-01T12:00:00.500000Z"},
      {"version": "1.10.0", "tokens": 2, "isPrerelease": false, "publishedAt": "2026-03-01T12:00:00.500000Z"},
      {"version": "1.9.0", "tokens": 2, "isPrerelease": false, "publishedAt": "2026-03-01T12:00:00.500000Z"}
    ]'::jsonb
  ),
  'a package is shown as its newest release, with all versions, newest first'
);
select is(
  api.get_package(null, :'package_id')::jsonb, api.get_package(null, '@tests/one')::jsonb,
  'a package is found by id as by name'
);
select throws_ok($$ select api.get_package(null, '@tests/none') $$, 'SCP01', 'There is no such package.', 'an unknown one is not found');

select tests.make_user() as author_id, tests.make_user() as stranger_id \gset
select admin.import_package('@tests/mine', '1.0.0', '', 'claude', 'skill', '[{"path": "a.md", "content": "a"}]', '{}',
  :'author_id', null, true) \g /dev/null
select is(api.get_package(:'author_id', '@tests/mine') ->> 'name', '@tests/mine', 'an author finds their private package');
select throws_ok(
  format('select api.get_package(%L, %L)', :'stranger_id', '@tests/mine'), 'SCP01', 'There is no such package.',
  'a stranger does not'
);
select throws_ok(
  $$ select api.get_package(null, '@tests/mine') $$, 'SCP01', 'There is no such package.', 'nor does nobody'
);

select finish();
rollback;
