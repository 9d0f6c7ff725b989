begin;
\ir ../helpers.psql
select plan(20);

create function tests.publish(
  p_name text, p_version text, p_description text, p_author_id uuid default null, p_organization_id uuid default null
)
returns uuid
language sql
as $$
  select package_id
  from admin.import_package(p_name, p_version, p_description, 'cursor', 'rule',
    '[{"path": "a.md", "content": "0123456789"}]', '{}', p_author_id, p_organization_id,
    num_nonnulls(p_author_id, p_organization_id) > 0)
$$;
create function tests.names(p_list json)
returns text
language sql
as $$ select string_agg(package ->> 'name', ' ') from json_array_elements(p_list -> 'packages') as listed (package) $$;

select tests.make_user() as author_id, tests.make_user() as member_id, tests.make_user() as stranger_id \gset
select admin.create_organization('Tests', :'member_id', 'for a test') as organization_id \gset
select tests.publish('b', '1.0.0', '100% sure_thing') as b_id \gset
select tests.publish('b', '1.1.0', 'A \ NEWER thing') \g /dev/null
select tests.publish('b', '2.0.0-rc.1', 'not out yet') \g /dev/null
select tests.publish('a', '0.1.0', 'Ärger with 50 words') \g /dev/null
select tests.publish('@scope/c', '1.0.0', 'scoped 100% sure_thing') \g /dev/null
select tests.publish('private-author', '1.0.0', 'hidden', p_author_id => :'author_id') \g /dev/null
select tests.publish('private-team', '1.0.0', 'hidden', p_organization_id => :'organization_id') \g /dev/null

select is(
  (api.list_packages() -> 'packages' -> 2)::jsonb,
  jsonb_build_object('id', :'b_id', 'name', 'b', 'version', '1.1.0', 'format', 'cursor', 'subtype', 'rule',
    'description', 'A \ NEWER thing', 'tokens', 4),
  'each package is shown with its newest release and the tokens of its prompt'
);
select is(tests.names(api.list_packages()), '@scope/c a b', 'nobody sees the public packages, by name');
select is(tests.names(api.list_packages(:'stranger_id')), '@scope/c a b', 'a stranger sees no more');
select is(tests.names(api.list_packages(:'author_id')), '@scope/c a b private-author', 'an author sees their own');
select is(tests.names(api.list_packages(:'member_id')), '@scope/c a b private-team', 'a member sees the organisation''s');

select is(tests.names(api.list_packages(p_query => query)), expected, format('%L finds %s', query, coalesce(expected, 'nothing')))
from (values
  ('SCOPE', '@scope/c'),
  ('newer', 'b'),
  ('ärger', 'a'),
  ('0%', '@scope/c'),
  ('e_t', '@scope/c'),
  ('\', 'b'),
  ('not out yet', null),
  ('hidden', null)
) as listed (query, expected);

select api.list_packages(p_limit => 2) as first_page \gset
select :'first_page'::json ->> 'nextCursor' as cursor \gset
select is(tests.names(:'first_page'), '@scope/c a', 'a page holds as many as asked for');
select api.list_packages(p_limit => 2, p_cursor => :'cursor') as second_page \gset
select is(
  array[tests.names(:'second_page'), :'second_page'::json ->> 'nextCursor'], array['b', null],
  'the cursor leads to the rest, and the last page has none'
);
select is(
  api.list_packages(p_query => 'no such thing')::jsonb, '{"packages": [], "nextCursor": null}'::jsonb,
  'nothing found is an empty list'
);
select throws_ok(
  format('select api.list_packages(p_limit => %L, p_cursor => %L)', page_limit, page_cursor), 'SCV01', null,
  format('limit %s and cursor %L are refused', page_limit, left(page_cursor, 20))
)
from (values (0, null), (101, null), (20, 'xyz'), (20, 'ff')) as listed (page_limit, page_cursor);

select finish();
rollback;
