begin;
\ir ../helpers.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset

insert into playground.answers (user_id, operation, idempotency_key, created_at, fingerprint, state, status, body, finished_at)
select :'ann_id', 'run', name, engine.now() - age, '', state, status, body, finished_at
from (values
  ('answered, old', '24 hours 3 minutes'::interval, 'answered', 200, '{}', engine.now() - '24 hours 1 second'::interval),
  ('answered, of today', '24 hours 3 minutes', 'answered', 200, '{}', engine.now() - '23 hours 59 minutes'::interval),
  ('free, old', '48 hours 1 second', 'free', null, null, null),
  ('free, of yesterday', '47 hours', 'free', null, null, null),
  ('running, old', '48 hours 1 second', 'running', null, null, null),
  ('running', '1 minute', 'running', null, null, null)
) as listed (name, age, state, status, body, finished_at);
insert into playground.refresh_tokens (user_id, token_hash, family_id, issued_at, expires_at)
values
  (:'ann_id', sha256('old'), gen_random_uuid(), engine.now() - interval '38 days', engine.now() - interval '7 days 1 second'),
  (:'ann_id', sha256('recent'), gen_random_uuid(), engine.now() - interval '36 days', engine.now() - interval '6 days');
insert into playground.login_attempts values
  ('old', engine.now() - interval '1 day 1 second', 1), ('recent', engine.now() - interval '1 hour', 1);
insert into playground.code_attempts select * from playground.login_attempts;
insert into playground.notices (user_id, notice_id, kind, subject, details, state, next_try_at, created_at, ended_at)
select :'ann_id', gen_random_uuid(), 'refund', subject, '{}', state, engine.now(), engine.now() - interval '91 days', engine.now() - ended
from (values ('old', 'sent', interval '91 days'), ('recent', 'sent', interval '89 days'), ('due', 'due', null)) as written (subject, state, ended);
insert into playground.cost_windows (user_id, kind, starts_at)
select :'ann_id', kind, engine.now() - age::interval
from (values ('hour', '41 days'), ('hour', '39 days'), ('day', '401 days'), ('day', '399 days'), ('month', '900 days')) as listed (kind, age);

select is(jobs.purge(1), 6, 'a batch is as large as asked for, of each table');
select is(jobs.purge(1), 2, 'the next one goes on');
select is(jobs.purge(1), 1, 'until all is gone');
select is(jobs.purge(), 0, 'and then there is nothing left');
select results_eq(
  'select idempotency_key from playground.answers order by 1',
  $$ values ('answered, of today'), ('free, of yesterday'), ('running') $$,
  'answers are kept for their time after the run, keys that came to nothing a day longer'
);
select is(count(*), 0::bigint, 'a refresh token is kept a week after its end') from playground.refresh_tokens where token_hash = sha256('old');
select is(count(*), 2::bigint, 'younger and living ones stay') from playground.refresh_tokens;
select results_eq('select email_hash from playground.login_attempts', $$ values ('recent'::bytea) $$, 'sign-in attempts are kept a day');
select results_eq('select subject_hash from playground.code_attempts', $$ values ('recent'::bytea) $$, 'so are wrong promo codes');
select results_eq('select subject from playground.notices order by 1', $$ values ('due'), ('recent') $$, 'messages 90 days after they were sent, never one that is due');
select results_eq(
  'select kind::text, engine.now() - starts_at from playground.cost_windows order by 1',
  $$ values ('day', '399 days'::interval), ('hour', '39 days'), ('month', '900 days') $$,
  'windows of hours are kept 40 days, of days 400, of months for ever'
);

-- Whoever calls from new addresses leaves nothing behind.
insert into playground.request_counters (subject, class, resets_at)
select sha256(n::text::bytea), 'public_reads', engine.now() from generate_series(1, 100000) as n;
select api.count_request(:'ann_id', 'writes', '192.0.2.1') \g /dev/null
select is(jobs.purge(), 1000, 'counters whose time has come go, a batch at a time');
select is(jobs.purge(1000000), 99000, 'however many there are');
select is(count(*), 2::bigint, 'those in use stay') from playground.request_counters;

select engine.alert_once(:'ann_id', engine.now(), kind, '{}', engine.now() - age::interval)
from (values ('taken', '91 days'), ('taken lately', '89 days'), ('nobody asked', '7 days 1 second'), ('may still go', '6 days 23 hours')) as listed (kind, age) \g /dev/null
update playground.alert_deliveries set state = 'sent', ended_at = created_at where kind like 'taken%';
select is(jobs.purge(), 2, 'alerts to the webhook that were taken 90 days ago go; what nobody took in a week ends');
select results_eq(
  'select kind, state::text, last_error from playground.alert_deliveries order by 1',
  $$ values ('may still go', 'due', null), ('nobody asked', 'failed', 'nobody asked for it'), ('taken lately', 'sent', null) $$,
  'and is kept as failed'
);
select * from finish();
rollback;
