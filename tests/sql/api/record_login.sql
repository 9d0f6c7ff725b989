begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(8);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id \gset
select api.get_credentials('ann@example.com') \g /dev/null

select is(
  api.record_login(:'ann_id', sha256('one'))::jsonb, api.get_user(:'ann_id')::jsonb,
  'a sign-in answers the person'
);
select is_empty('select * from playground.login_attempts', 'the attempts are forgotten');
select api.record_login(:'ann_id', sha256('two')) \g /dev/null
select is(count(distinct family_id), 3::bigint, 'each sign-in begins a family of its own') from playground.refresh_tokens where user_id = :'ann_id';
select is(expires_at, '2026-12-20 12:00:00+00', 'a token lives as long as the setting says') from playground.refresh_tokens where token_hash = sha256('two');
select tests.token_of(:'ann_id') as token, tests.make_user() as bob_id \gset
select lives_ok(format('select api.record_login(%L, sha256(%L), %L)', :'ann_id', 'three', :'token'), 'once a token secret was told, by who holds it');
select throws_ok(format('select api.record_login(%L, sha256(%L), %L)', :'bob_id', 'three', :'token'), 'SCA01', null, 'nobody is signed in as somebody else');
delete from playground.token_secrets;

select throws_ok(format('select api.record_login(%L, sha256(%L))', gen_random_uuid(), 'x'), 'SCA02', null, 'an unknown person is refused');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select api.record_login(%L, sha256(%L))', :'ann_id', 'y'), 'SCA02', null, 'a deleted person is refused');

select * from finish();
rollback;
