begin;
\ir ../helpers.psql
select plan(19);
select tests.freeze('2031-05-20 12:00:00+00');
select tests.make_user_with(10) \g /dev/null
select bag_eq(
  'select parent from engine.retained_tables()',
  $$ select relname::text from pg_class where relnamespace = 'playground'::regnamespace and relkind = 'p' $$,
  'every partitioned table is kept for a time');
select is(retention, '84 months'::interval, 'as long as its setting says') from engine.retained_tables() where parent = 'audit_log';

-- Months.
select engine.create_partition('stripe_events', 'received_at', 'stripe_events_y2027m01', '2027-01-01 00:00:00+00', '2027-02-01 00:00:00+00') \g /dev/null
set local timezone = 'Pacific/Auckland';
set local datestyle = 'German';
select is(format('%s %s', extract(epoch from starts_at)::bigint, extract(epoch from ends_at)::bigint),
  format('%s %s', extract(epoch from timestamptz '2027-01-01 00:00:00+00')::bigint, extract(epoch from timestamptz '2027-02-01 00:00:00+00')::bigint),
  'a month begins and ends in UTC, whatever the session shows')
from engine.months_of('stripe_events') where partition = 'stripe_events_y2027m01';
set local timezone = 'UTC';
set local datestyle = 'ISO';
select is(count(*), 0::bigint, 'the default partition is no month') from engine.months_of('stripe_events') where partition like '%default';

-- Announcements.
select is(engine.announce_retirement(engine.now()), true, 'what is older than it is kept is announced');
select is(engine.kept_since('stripe_events'), '2029-03-01 00:00:00+00', 'months end at their end: 26 of them before this one');
select is(engine.announce_retirement(engine.now()), false, 'once');
select engine.write_audit('retire_months', '00000000-0000-0000-0000-000000000000', null, '{}', '{"usage": "2031-01-01T00:00:00Z"}', 'another') \g /dev/null
select is((engine.kept_since('usage'), engine.kept_since('stripe_events'))::text, '("2031-01-01 00:00:00+00",-infinity)', 'the last announcement counts');

-- Events that wait for something are not forgotten.
insert into playground.stripe_events (received_at, event_id, state, reason, next_try_at, payload)
values ('2027-01-10', 'evt_a', 'parked', 'early', '2027-01-10', ''), ('2025-01-10', 'evt_b', 'parked', 'early', '2025-01-10', ''), ('2025-01-10', 'evt_c', 'parked', 'early', '2025-01-10', '');
select is(engine.retire_month('stripe_events', 'stripe_events_y2027m01', '2027-01-01', '2027-02-01'), false, 'a month with a parked event stays');
update playground.stripe_events set state = 'ignored', handled_at = received_at where event_id in ('evt_a', 'evt_c');
select is(engine.retire_month('stripe_events', 'stripe_events_y2027m01', '2027-01-01', '2027-02-01'), true, 'until the event is handled');
select is(to_regclass('playground.stripe_events_y2027m01'), null, 'then it is gone');
select is((actor, subject, before ->> 'rows')::text, (session_user, 'stripe_events_y2027m01', '1')::text, 'which is audited')
from playground.audit_log where action = 'retire_month';
select throws_ok($$ select engine.retire_rows('stripe_events', 'received_at', '2026-01-01', 10) $$, 'SCL01', null, 'rows that nobody announced stay');
select engine.write_audit('retire_months', '00000000-0000-0000-0000-000000000000', null, '{}', '{"stripe_events": "2026-01-01T00:00:00Z"}', 'announced') \g /dev/null
select is(engine.retire_rows('stripe_events', 'received_at', '2026-01-01', 10), 1, 'others go, but for the parked');
select is(array_agg(event_id), '{evt_b}'::text[], 'which stay') from playground.stripe_events where received_at < '2030-01-01';
select is('lock_timeout=500ms' = any (proconfig), true, 'nobody queues for longer than half a second behind a month that goes')
from pg_proc where oid = 'engine.retire_month(text, text, timestamptz, timestamptz)'::regprocedure;
select throws_ok($$ delete from playground.transactions $$, 'SCL01', null, 'the ledger has no such exception');

-- A length of both signs, written past the functions, reaches into the future.
update playground.platform_settings set audit_retention = '-1000 months 30360 days', usage_retention = '-1000 months 30360 days';
select is(engine.announce_retirement(engine.now()), true, 'whatever the settings say is announced');
select is((engine.kept_since('audit_log'), engine.kept_since('usage'))::text, '("2031-04-01 00:00:00+00","2031-04-01 00:00:00+00")', 'but never this month and the one before');
select * from finish();
rollback;
