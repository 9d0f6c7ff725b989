begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset

select api.create_api_key(:'ann_id', ' laptop ', sha256('secret'), 'wxyz', tests.token_of(:'ann_id')) as key \gset
select is(
  :'key'::jsonb - 'id', '{"name": "laptop", "hint": "wxyz", "createdAt": "2026-11-20T12:00:00.000000Z"}'::jsonb,
  'a key is answered with its hint, never its hash'
);
select lives_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'ann_id', 'secret'), 'and works at once');
select throws_ok(
  format('select api.create_api_key(%L, %L, sha256(%L), %L, %L)', :'ann_id', name, 'other', 'wxyz', tests.token_of(:'ann_id')), 'SCV01', null,
  'a name has 1 to 100 printable characters'
)
from (values (null), (''), ('  '), (repeat('x', 101))) as listed (name);
select throws_ok(
  format('select api.create_api_key(%L, %L, sha256(%L), %L, %L)', id, 'laptop', 'other', 'wxyz', tests.token_of(id)), 'SCA02', null,
  'an unknown person has no keys'
)
from (values ('00000000-0000-4000-8000-000000000000'::uuid)) as listed (id);
select tests.make_user() as bob_id \gset
select throws_ok(
  format('select api.create_api_key(%L, %L, sha256(%L), %L, %L)', :'ann_id', 'laptop', 'other', 'wxyz', token), 'SCA01', null,
  'a key is worth as much as a token, so nobody gets one for another'
)
from (values (tests.token_of(:'bob_id')), (null)) as listed (token);

select * from finish();
rollback;
