begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(44);
select tests.freeze('2031-05-20 12:00:00+00');

-- The crontab.
select is(engine.next_due(schedule, '2031-05-20 12:00:00+00'), due::timestamptz, schedule || ' after a Tuesday''s noon')
from (values
  ('* * * * *', '2031-05-20 12:01:00+00'),
  ('*/5 * * * *', '2031-05-20 12:05:00+00'),
  ('0 * * * *', '2031-05-20 13:00:00+00'),
  ('11 4 * * *', '2031-05-21 04:11:00+00'),
  ('30 12,18 * * *', '2031-05-20 12:30:00+00'),
  ('0 0 1 1 *', '2032-01-01 00:00:00+00'),
  ('0 9 * * 1', '2031-05-26 09:00:00+00'),
  ('0 9 21 * 1', '2031-05-21 09:00:00+00'),
  ('0 0 31 2 *', null),
  ('30 seconds', null)
) as listed (schedule, due);

-- What pg_cron would remember; this database has none.
create or replace function jobs.list_job_runs()
returns table (
  name text, schedule text, is_active boolean, last_started_at timestamptz, last_ended_at timestamptz, last_status text, last_message text,
  last_succeeded_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  values
    ('well', '* * * * *', true, '2031-05-20 11:59:00+00'::timestamptz, '2031-05-20 11:59:02+00'::timestamptz, 'succeeded', 'SELECT 1', '2031-05-20 11:59:00+00'::timestamptz),
    ('daily', '11 4 * * *', true, '2031-05-20 04:11:00+00', '2031-05-20 04:12:00+00', 'succeeded', 'CALL', '2031-05-20 04:11:00+00'),
    ('late', '11 4 * * *', true, '2031-05-19 04:11:00+00', '2031-05-19 04:12:00+00', 'succeeded', 'CALL', '2031-05-19 04:11:00+00'),
    ('failed', '*/5 * * * *', true, '2031-05-20 11:55:00+00', '2031-05-20 11:55:00+00', 'failed', 'ERROR: lock timeout', '2031-05-20 11:50:00+00'),
    ('running', '*/5 * * * *', true, '2031-05-20 11:55:00+00', null, 'running', null, '2031-05-20 11:50:00+00'),
    ('off', '* * * * *', false, null, null, null, null, null),
    ('new', '17 * * * *', true, null, null, null, null, null),
    ('first', '* * * * *', true, '2031-05-20 12:00:00+00', null, 'running', null, null)
$$;
update playground.platform_state set loaded_at = '2031-05-20 11:50:00+00', code_version = 'abc';
select is(format('%s late %s, next %s, took %s', name, is_late, to_char(next_due_at at time zone 'UTC', 'DD HH24:MI'), last_duration), expected, name)
from engine.job_states(engine.now())
join (values
  ('well', 'well late f, next 20 12:01, took 00:00:02'),
  ('daily', 'daily late f, next 21 04:11, took 00:01:00'),
  ('late', 'late late t, next 21 04:11, took 00:01:00'),
  ('failed', 'failed late f, next 20 12:05, took 00:00:00'),
  ('running', 'running late f, next 20 12:05, took '),
  ('off', 'off late f, next , took '),
  ('new', 'new late f, next 20 12:17, took '),
  ('first', 'first late f, next 20 12:01, took ')
) as listed (name, expected) using (name);
select is(is_late, true, 'one that never ran is late when it should have since it was written down')
from engine.job_states('2031-05-20 12:33:00+00') where name = 'new';
create function tests.state_of(p_name text)
returns text
language sql
as $$ select format('%s %s', is_ok, value) from engine.health(engine.now()) where name = p_name $$;
select is(tests.state_of('job ' || job), expected, format('a job that is %s', job))
from (values ('well', 't succeeded'), ('late', 'f late'), ('failed', 'f failed'), ('off', 'f switched off'), ('running', 't running'), ('new', 't not yet run'), ('first', 't running')) as listed (job, expected);

select is(detail, expected, format('what health says of a job that is %s', job))
from engine.health(engine.now())
join (values
  ('failed', 'last succeeded at 2031-05-20T11:50:00.000000Z; next due at 2031-05-20T12:05:00.000000Z; PostgreSQL said: ERROR: lock timeout'),
  ('off', $$never succeeded yet; on again: select admin.set_jobs_active(true, 'why', 'off')$$),
  ('new', 'never succeeded yet; next due at 2031-05-20T12:17:00.000000Z')
) as listed (job, expected) on name = 'job ' || job;

-- Work that waits: well until it has waited long.
select tests.make_package() as package_id, tests.make_user_with(50) as ann_id \gset
select tests.reserve(:'ann_id') \g /dev/null
insert into playground.billing_tasks (account_id, task_id, kind, stripe_id, state, next_try_at, created_at)
values (:'ann_id', gen_random_uuid(), 'refund_payment_intent', 'pi_1', 'due', engine.now(), engine.now());
select engine.write_notice(:'ann_id', 'test', 'x', '{}', engine.now()) \g /dev/null
insert into playground.stripe_events (received_at, event_id, state, reason, next_try_at, payload) values (engine.now(), 'evt_a', 'parked', 'early', engine.now(), '');
select is(array_agg(format('%s %s %s', name, is_ok, value) order by name),
  '{"billing tasks due t 1","holds past their end t 0","notices due t 1","open holds t 1","parked Stripe events t 1","roll-up f 2"}'::text[], 'what waits is counted')
from engine.health(engine.now()) where name in ('open holds', 'holds past their end', 'billing tasks due', 'notices due', 'parked Stripe events', 'roll-up');
select tests.advance('16 minutes') \g /dev/null
select is(array_agg(format('%s %s %s', name, is_ok, value) order by name),
  '{"billing tasks due f 1","holds past their end f 1","notices due f 1","open holds t 1","parked Stripe events f 1"}'::text[], 'and no longer well when it waits on')
from engine.health(engine.now()) where name in ('open holds', 'holds past their end', 'billing tasks due', 'notices due', 'parked Stripe events');
select matches(detail, '^the oldest since 2031-05-20T12:00:00', 'since when') from engine.health(engine.now()) where name = 'parked Stripe events';
select tests.state_of('roll-up') as before \gset
select engine.roll_up() \g /dev/null
select is(tests.state_of('roll-up'), 't 0', 'rolled up, nothing waits');

-- Ledger, alerts, providers, months.
update playground.platform_state set ledger_violations = 3, ledger_verified_at = engine.now();
select is(tests.state_of('ledger'), 'f 3', 'violations of the ledger');
select engine.alert_once('00000000-0000-0000-0000-000000000000', engine.now(), 'job_late: x', '{}', engine.now()) \g /dev/null
select is(tests.state_of('alerts of the platform'), 'f 1', 'alerts that nobody has acknowledged');
update playground.alerts set acknowledged_at = engine.now(), acknowledged_by = 'me' where user_id = '00000000-0000-0000-0000-000000000000';
select is(tests.state_of('alerts of the platform'), 't 0', 'are well once somebody has');
insert into playground.provider_spend values
  ('openai', '2031-05-20 00:00:00+00', 1, 50), ('openai', '2031-05-20 00:00:00+00', 2, 29.99), ('openai', '2031-05-19 00:00:00+00', 1, 99);
select is(tests.state_of('provider openai'), 't 79.99 of 100.00 USD', 'a provider''s spend of the UTC day, in all its parts');
insert into playground.provider_spend values ('openai', '2031-05-20 00:00:00+00', 3, 0.01);
select is(tests.state_of('provider openai'), 'f 80.00 of 100.00 USD', 'near its ceiling');
update playground.providers set is_enabled = false where provider = 'anthropic';
select is(tests.state_of('provider anthropic'), 'f switched off', 'or switched off');
select is(detail, $$on again: select admin.set_provider_enabled('anthropic', true, 'why')$$, 'with the statement that ends it')
from engine.health(engine.now()) where name = 'provider anthropic';
select is(tests.state_of('months ahead of usage'), 'f 0', 'no month ahead');
select engine.create_partition('usage', 'reserved_at', 'usage_y2031m06', '2031-06-01 00:00:00+00', '2031-07-01 00:00:00+00') \g /dev/null
select is(tests.state_of('months ahead of usage'), 't 1', 'the next one is there');
select is(tests.state_of('code'), 't abc', 'which code is loaded');
select is(format('%s %s', is_ok, detail), 't this database has no pg_cron: what is due is done when an account is touched', 'no scheduler is no fault')
from engine.health(engine.now()) where name = 'heartbeat' and not exists (select from pg_extension where extname = 'pg_cron');
select * from finish();
rollback;
