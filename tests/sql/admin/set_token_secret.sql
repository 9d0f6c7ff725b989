begin;
\ir ../helpers.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
\set first 'the-first-secret-of-all-of-32-octets'
\set second 'the-second-secret-of-all-of-32-octets'
create function tests.secrets()
returns text
language sql
as $$
  select string_agg(format('%s:%s', split_part(secret, '-', 2), to_char(expires_at at time zone 'UTC', 'DD HH24:MI')), ' ' order by set_at, expires_at)
  from playground.token_secrets
$$;

select admin.set_token_secret(:'first', 'first') \g /dev/null
select is(tests.secrets(), 'first:', 'a secret is kept, and does not end by itself');
select is((actor, user_id, subject, before, after, reason)::text,
  (session_user, null::uuid, null::text, '{"setAt": null, "endsAt": null}', '{"setAt": "2026-11-20T12:00:00.000000Z"}', 'first')::text,
  'who, when and why are kept')
from playground.audit_log where action = 'set_token_secret';
select tests.advance('1 hour');
select admin.set_token_secret(:'first', 'again') \g /dev/null
select is(tests.secrets(), 'first:', 'the same again changes nothing');
select is(count(*), 1::bigint, 'and leaves no line') from playground.audit_log;
select admin.set_token_secret(:'second', 'rolled') \g /dev/null
select is(tests.secrets(), 'first:21 13:00 second:', 'the one before stays valid for a day');
select tests.advance('1 hour');
select admin.set_token_secret(:'first', 'back') \g /dev/null
select is(tests.secrets(), 'first:21 13:00 second:21 14:00 first:', 'one that is on its way out comes back as a new one');
select admin.set_token_secret(null, 'leaked') \g /dev/null
select is(tests.secrets(), 'first:20 14:00 second:20 14:00 first:20 14:00', 'null ends all at once, those on their way out too');
select is(after, null, 'its line has nothing after it') from playground.audit_log where reason = 'leaked';
select admin.set_token_secret(null, 'again') \g /dev/null
select is(count(*), 4::bigint, 'and once is enough') from playground.audit_log;
select admin.set_token_secret(:'second', 'new') \g /dev/null
select is(string_agg(secret, ' '), :'second', 'the next one is alone') from playground.token_secrets where expires_at is null or expires_at > engine.now();

select throws_ok(format('select admin.set_token_secret(%L, %L)', secret, 'x'), 'SCD02', null, format('%L cannot be', secret))
from (values (''), (repeat('x', 31)), (repeat('x', 40) || E'\n'), (' ' || repeat('x', 40))) as listed (secret);
select lives_ok(format('select admin.set_token_secret(%L, %L)', repeat('x', 32), 'x'), '32 octets are enough');
select throws_ok($$ select admin.set_token_secret(repeat('y', 40), ' ') $$, 'SCD03', null, 'a reason must be given');
select is_empty($$ select from playground.audit_log where audit_log::text like '%octets%' or audit_log::text like '%xxxx%' $$, 'the audit log never holds a secret');
select * from finish();
rollback;
