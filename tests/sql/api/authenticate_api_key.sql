begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(7);
select tests.freeze('2026-11-20 12:10:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select api.create_api_key(:'ann_id', 'laptop', sha256('secret'), 'wxyz', tests.token_of(:'ann_id')) ->> 'id' as key_id \gset

select lives_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'ann_id', 'secret'), 'the right secret is let in');
select is(last_used_at, '2026-11-20 12:10:00+00', 'its use is noted') from playground.api_keys where key_id = :'key_id';
select tests.advance('10 minutes');
select api.authenticate_api_key(:'ann_id', sha256('secret')) \g /dev/null
select is(last_used_at, '2026-11-20 12:10:00+00', 'once an hour at most') from playground.api_keys where key_id = :'key_id';
select tests.advance('1 hour');
select api.authenticate_api_key(:'ann_id', sha256('secret')) \g /dev/null
select is(last_used_at, '2026-11-20 13:20:00+00', 'and again an hour later') from playground.api_keys where key_id = :'key_id';

select throws_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'ann_id', 'wrong'), 'SCA01', null, 'another secret is refused');
select throws_ok(format('select api.authenticate_api_key(%L, sha256(%L))', :'bob_id', 'secret'), 'SCA01', null, 'another person''s name on it is refused');
select throws_ok(format('select api.authenticate_api_key(%L, sha256(%L))', gen_random_uuid(), 'secret'), 'SCA01', null, 'an unknown person is refused');

select * from finish();
rollback;
