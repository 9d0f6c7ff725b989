begin;
\ir ../helpers.psql
select plan(25);
select tests.freeze('2026-11-20 12:00:00+00');

create function tests.secrets()
returns text
language sql
as $$
  select string_agg(format('%s:%s:%s', name, secret, to_char(expires_at at time zone 'UTC', 'DD HH24:MI')), ' ' order by name, set_at, expires_at)
  from playground.webhook_secrets
$$;

select admin.set_webhook_secret('default', 'whsec_first-of-all', false, 'first') \g /dev/null
select is(tests.secrets(), 'default:whsec_first-of-all:', 'a secret is kept, and does not end by itself');
select is((actor, user_id, subject, before, after, reason)::text,
  (session_user, null::uuid, 'default', '{"setAt": null, "endsAt": null, "isLiveMode": null}', '{"setAt": "2026-11-20T12:00:00.000000Z", "isLiveMode": false}', 'first')::text,
  'who, which, when and why are kept')
from playground.audit_log where action = 'set_webhook_secret';

select tests.advance('1 hour');
select admin.set_webhook_secret('default', 'whsec_first-of-all', false, 'again') \g /dev/null
select is(tests.secrets(), 'default:whsec_first-of-all:', 'the same secret again changes nothing');
select is(count(*), 1::bigint, 'and leaves no line') from playground.audit_log;

select admin.set_webhook_secret('default', 'whsec_second-of-all', false, 'rolled') \g /dev/null
select is(tests.secrets(), 'default:whsec_first-of-all:21 13:00 default:whsec_second-of-all:', 'the one before stays valid for a day');
select tests.advance('1 hour');
select admin.set_webhook_secret('default', 'whsec_first-of-all', false, 'back') \g /dev/null
select is(tests.secrets(), 'default:whsec_first-of-all:21 13:00 default:whsec_second-of-all:21 14:00 default:whsec_first-of-all:', 'one that is on its way out comes back as a new one');
select admin.set_webhook_secret('credits', 'whsec_first-of-all', false, 'one endpoint, two names') \g /dev/null
select is(count(*), 2::bigint, 'two names may have one secret') from playground.webhook_secrets where secret = 'whsec_first-of-all' and expires_at is null;

select throws_ok($$ select admin.set_webhook_secret('live', 'whsec_of-live-mode', true, 'x') $$, 'SCD05', null, 'no secret of live mode while one of test mode is valid');
select throws_ok($$ select admin.set_webhook_secret('default', 'whsec_of-live-mode', true, 'x') $$, 'SCD05', null, 'not even in its place');
select throws_ok($$ select admin.set_webhook_secret('default', 'whsec_first-of-all', true, 'x') $$, 'SCD05', null, 'nor the same one');
select is(count(*), 4::bigint, 'what is refused leaves no line') from playground.audit_log;

select admin.set_webhook_secret('default', null, null, 'leaked') \g /dev/null
select is(tests.secrets(), 'credits:whsec_first-of-all: default:whsec_first-of-all:20 14:00 default:whsec_second-of-all:20 14:00 default:whsec_first-of-all:20 14:00', 'null ends all of a name at once, those on their way out too');
select admin.set_webhook_secret('default', null, null, 'again') \g /dev/null
select is(count(*), 5::bigint, 'and once is enough') from playground.audit_log;
select is(after, null, 'its line has nothing after it') from playground.audit_log where reason = 'leaked';
select throws_ok($$ select admin.set_webhook_secret('live', 'whsec_of-live-mode', true, 'x') $$, 'SCD05', null, 'another name''s secret counts as well');
select admin.set_webhook_secret('credits', 'whsec_third-of-all', false, 'rolled') \g /dev/null
select admin.set_webhook_secret('credits', null, null, 'end of test mode') \g /dev/null
select admin.set_webhook_secret('live', 'whsec_of-live-mode', true, 'live at last') \g /dev/null
select is(string_agg(name, ' '), 'live', 'live mode begins when all of test mode have ended')
from playground.webhook_secrets where expires_at is null or expires_at > engine.now();
select throws_ok($$ select admin.set_webhook_secret('default', 'whsec_first-of-all', false, 'x') $$, 'SCD05', null, 'and then none of test mode is taken');

select throws_ok(format('select admin.set_webhook_secret(%L, %L, %L, %L)', name, secret, mode, 'x'), 'SCD02', null, format('%L with %L in mode %L cannot be', name, secret, mode))
from (values
  ('Default', 'whsec_long-enough', 'true'), (null, 'whsec_long-enough', 'true'), ('', 'whsec_long-enough', 'true'),
  ('default', 'fifteen-octets-', 'true'), ('default', E'whsec_long-enough\n', 'true'), ('default', 'whsec_long-enough', null)
) as listed (name, secret, mode);
select throws_ok($$ select admin.set_webhook_secret('default', 'whsec_long-enough', true, ' ') $$, 'SCD03', null, 'a reason must be given');
select is_empty($$ select from playground.audit_log where audit_log::text like '%whsec%' $$, 'the audit log never holds a secret');
select * from finish();
rollback;
