begin;
\ir ../helpers.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
-- Called again for each n.
create function tests.attempt(p_email text, p_n integer)
returns setof text
language sql
as $$ select refusal from api.get_credentials(p_email) $$;
select tests.make_user('ann@example.com') as ann_id \gset

select results_eq(
  $$ select refusal, user_id, password_hash from api.get_credentials(' ANN@example.com') $$,
  format($$ values (null::text, %L::uuid, '$argon2id$not-a-real-hash') $$, :'ann_id'),
  'the password''s hash is found by the address, however it is written'
);
select results_eq(
  $$ select refusal, user_id, password_hash from api.get_credentials('nobody@example.com') $$,
  $$ values (null::text, null::uuid, null::text) $$,
  'an unknown address answers one empty row'
);
select is((select attempts from playground.login_attempts where email_hash = sha256('nobody@example.com')), 1, 'whose attempt is counted all the same');

select count(*) from generate_series(2, 10) as n, tests.attempt('ann@example.com', n) \g /dev/null
select tests.advance('5 minutes 0.5 seconds');
select results_eq(
  $$ select refusal, refusal_detail::text, user_id from api.get_credentials('ann@example.com') $$,
  $$ values ('SCA06', '{"retryAfter" : 600}', null::uuid) $$,
  'the eleventh attempt in 15 minutes is refused, in whole seconds rounded up'
);
select api.get_credentials('ann@example.com') \g /dev/null
select is((select attempts from playground.login_attempts where email_hash = sha256('ann@example.com')), 11, 'refused attempts do not count for ever');
select tests.freeze('2026-11-20 12:14:59.999+00');
select is(refusal, 'SCA06', 'refused until the window ends') from api.get_credentials('ann@example.com');
select tests.freeze('2026-11-20 12:15:00+00');
select is(refusal, null, 'and free at its very end') from api.get_credentials('ann@example.com');

select count(*) from generate_series(1, 12) as n, tests.attempt('stranger@example.com', n) \g /dev/null
select is(refusal, 'SCA06', 'an unknown address is refused like a known one') from api.get_credentials('stranger@example.com');

select count(*) from generate_series(1, 9) as n, tests.attempt('ann@example.com', n) \g /dev/null
select api.record_login(:'ann_id', sha256('x')) \g /dev/null
select is(refusal, null, 'a sign-in forgets the attempts') from api.get_credentials('ann@example.com');
select is((select attempts from playground.login_attempts where email_hash = sha256('ann@example.com')), 1, 'all of them');
select is(refusal, null, 'any text is an unknown address') from api.get_credentials(repeat('x', 100000));

select * from finish();
rollback;
