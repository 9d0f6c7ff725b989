begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select is(api.list_api_keys(:'ann_id')::jsonb, '{"keys": []}'::jsonb, 'nobody has keys to begin with');

select api.create_api_key(:'ann_id', 'first', sha256('1'), '1111', tests.token_of(:'ann_id')) ->> 'id' as first_id \gset
select tests.advance('1 minute');
select api.create_api_key(:'ann_id', 'second', sha256('2'), '2222', tests.token_of(:'ann_id')) ->> 'id' as second_id,
  api.create_api_key(:'ann_id', 'third', sha256('3'), '3333', tests.token_of(:'ann_id')) ->> 'id' as third_id,
  api.create_api_key(:'bob_id', 'other', sha256('4'), '4444', tests.token_of(:'bob_id')) ->> 'id' as other_id \gset
select api.delete_api_key(:'ann_id', :'third_id') \g /dev/null
select api.authenticate_api_key(:'ann_id', sha256('2')) \g /dev/null
select is(
  api.list_api_keys(:'ann_id')::jsonb,
  jsonb_build_object('keys', jsonb_build_array(
    jsonb_build_object('id', :'first_id', 'name', 'first', 'hint', '1111', 'createdAt', '2026-11-20T12:00:00.000000Z', 'lastUsedAt', null),
    jsonb_build_object('id', :'second_id', 'name', 'second', 'hint', '2222', 'createdAt', '2026-11-20T12:01:00.000000Z', 'lastUsedAt', '2026-11-20T12:01:00.000000Z'))),
  'own live keys, oldest first, with their last use'
);
select is(json_array_length(api.list_api_keys(:'bob_id') -> 'keys'), 1, 'each person sees their own');
select throws_ok(format('select api.list_api_keys(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
