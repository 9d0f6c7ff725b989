begin;
\ir ../helpers.psql
select plan(7);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset

select api.create_api_key(:'ann_id', ' laptop ', sha256('secret'), 'wxyz') as key \gset
select is(
  :'key'::jsonb - 'id', '{"name": "laptop", "hint": "wxyz", "createdAt": "2026-11-20T12:00:00.000000Z"}'::jsonb,
  'a key is answered with its hint, never its hash'
);
select lives_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'ann_id', 'secret'), 'and works at once');
select throws_ok(
  format('select api.create_api_key(%L, %L, sha256(%L), %L)', :'ann_id', name, 'other', 'wxyz'), 'SCV01', null,
  'a name has 1 to 100 printable characters'
)
from (values (null), (''), ('  '), (repeat('x', 101))) as listed (name);
select throws_ok(
  format('select api.create_api_key(%L, %L, sha256(%L), %L)', gen_random_uuid(), 'laptop', 'other', 'wxyz'), 'SCA02', null,
  'an unknown person has no keys'
);

select * from finish();
rollback;
