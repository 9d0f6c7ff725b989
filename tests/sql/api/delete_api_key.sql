begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(5);
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select api.create_api_key(:'ann_id', 'laptop', sha256('secret'), 'wxyz', tests.token_of(:'ann_id')) ->> 'id' as key_id \gset

select throws_ok(format('select api.delete_api_key(%L, %L)', :'bob_id', :'key_id'), 'SCA05', null, 'another person''s key is not found');
select api.delete_api_key(:'ann_id', :'key_id') \g /dev/null
select throws_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'ann_id', 'secret'), 'SCA01', null, 'a deleted key opens nothing');
select throws_ok(format('select api.delete_api_key(%L, %L)', :'ann_id', :'key_id'), 'SCA05', null, 'it is deleted once');
select throws_ok(format('select api.delete_api_key(%L, %L)', :'ann_id', gen_random_uuid()), 'SCA05', null, 'an unknown key is not found');
select throws_ok(format('select api.delete_api_key(%L, %L)', gen_random_uuid(), :'key_id'), 'SCA02', null, 'an unknown person is refused');

select * from finish();
rollback;
