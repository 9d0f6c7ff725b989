begin;
\ir ../helpers.psql
select plan(34);

-- version_order
select results_eq(
  $$
  select version
  from unnest(array['1.0.0', '1.0.0-rc.1', '1.0.0-alpha.beta', '1.0.0-alpha', '1.0.0-beta.11', '1.10.0', '1.0.0-beta.2',
    '1.0.0-alpha.1', '1.0.0-beta', '1.9.0', '10.0.0', '2.0.0']) as listed (version)
  order by engine.version_order(version) collate "C"
  $$,
  array['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1',
    '1.0.0', '1.9.0', '1.10.0', '2.0.0', '10.0.0'],
  'versions sort as the specification of semantic versions says'
);
select is(engine.version_order('1.2.3+b.1'), engine.version_order('1.2.3+a'), 'build data does not count for the order');
select throws_ok(
  format('select engine.version_order(%L)', version), 'SCV02', null,
  format('%s is no semantic version', coalesce(to_json(left(version, 20))::text, 'null'))
)
from unnest(array['1.0', 'v1.0.0', '01.0.0', '1.0.0-01', '1.0.0-', e'1.0.0\n', repeat('1', 300) || '.0.0', null])
  as listed (version);

-- join_prompt
select is(
  engine.join_prompt('[{"path": "b.md", "content": "first"}, {"path": "a.md", "content": "second"}]'),
  e'first\n\nsecond',
  'a prompt is its files in the given order, joined by a blank line'
);
select throws_ok(
  format('select engine.join_prompt(%L)', files), 'SCV02', null, format('%L makes no prompt', left(files, 60))
)
from unnest(array[
  null, '{}', '[]', '["a"]', '[{"path": "a.md"}]', '[{"path": 1, "content": "a"}]', '[[{"path": "a", "content": "a"}]]',
  '[{"path": "a", "content": "a"}, {"path": "a", "content": "b"}]', '[{"path": "a", "content": " \n"}]'
]) as listed (files);

-- may_use_package, find_package, find_package_version
select tests.make_user() as author_id, tests.make_user() as member_id, tests.make_user() as stranger_id \gset
select admin.create_organization('Tests', :'author_id', 'for a test') as organization_id \gset
select admin.set_member(:'organization_id', :'member_id', 'member', 'for a test') \g /dev/null
select package_id as private_id
from admin.import_package('@tests/private', '1.0.0', 'd', 'claude', 'skill', '[{"path": "a.md", "content": "secret"}]', '{}',
  :'author_id', :'organization_id', true) \gset
select tests.make_package('@tests/public') as public_id \gset

select results_eq(
  format(
    $$
    select engine.may_use_package(user_id, true, %L, %L)
    from (values (1, %L::uuid), (2, %L::uuid), (3, %L::uuid), (4, null)) as listed (place, user_id)
    order by place
    $$,
    :'author_id', :'organization_id', :'author_id', :'member_id', :'stranger_id'
  ),
  array[true, true, false, false],
  'a private package may be used by its author and the members of its organisation, and nobody else'
);
select ok(engine.may_use_package(null, false, null, null), 'a public package may be used by anybody');
select is(
  array[engine.find_package(null, '@tests/public'), engine.find_package(null, :'public_id'),
    engine.find_package(null, upper(:'public_id'))],
  array[:'public_id', :'public_id', :'public_id']::uuid[],
  'a package is found by its name and by its id'
);
select throws_ok(
  format('select engine.find_package(%L, %L)', :'stranger_id', :'private_id'), 'SCP01', 'There is no such package.',
  'somebody else''s private package is not found'
);
select throws_ok(
  $$ select engine.find_package(null, '@tests/none') $$, 'SCP01', 'There is no such package.',
  'what is not there is refused with the same words'
);
select is(
  (select prompt from engine.find_package_version(:'member_id', '@tests/private', null)), 'secret',
  'a member of the organisation runs its private package'
);

create function tests.publish(p_version text)
returns uuid
language sql
as $$
  select package_id
  from admin.import_package('@tests/many', p_version, 'd', 'claude', 'skill',
    jsonb_build_array(jsonb_build_object('path', 'a.md', 'content', 'prompt of ' || p_version)), '{}')
$$;
create function tests.newest()
returns text
language sql
as $$ select version from engine.find_package_version(null, '@tests/many', null) $$;

select tests.publish('1.0.0-beta.2') as package_id \gset
select is(tests.newest(), '1.0.0-beta.2', 'a pre-release is taken where nothing was released yet');
select tests.publish('1.0.0-beta.10') \g /dev/null
select is(tests.newest(), '1.0.0-beta.10', 'of pre-releases the newest by number, not by letter');
select tests.publish(version) from unnest(array['1.9.0', '1.10.0', '1.2.0']) as listed (version) \g /dev/null
select is(tests.newest(), '1.10.0', 'the newest by semantic version is taken, not the one published last');
select tests.publish('2.0.0-rc.1') \g /dev/null
select is(tests.newest(), '1.10.0', 'a release is taken before a newer pre-release');
select results_eq(
  $$ select * from engine.find_package_version(null, '@tests/many', '1.2.0') $$,
  format($$ values (%L::uuid, '1.2.0', 'prompt of 1.2.0', 15) $$, :'package_id'),
  'a version asked for is the one that is given, with its prompt and its octets'
);
select throws_ok(
  $$ select engine.find_package_version(null, '@tests/many', '1.2') $$, 'SCP01', 'This package has no such version.',
  'a version is asked for in full'
);

-- claim_package, refuse_import
select throws_ok(
  $$ select engine.refuse_import('name', 'is wrong') $$, 'SCV02', 'This package cannot be imported: name is wrong.',
  'a refusal names the field and says why'
);
select is(
  engine.claim_package('@tests/public', null, null, false, engine.now()), :'public_id'::uuid,
  'a name that is taken stands for its package'
);

select finish();
rollback;
