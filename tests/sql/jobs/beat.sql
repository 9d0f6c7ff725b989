begin;
\ir ../helpers.psql
select plan(1);
select tests.freeze('2026-11-20 12:00:00+00');
select jobs.beat() \g /dev/null
select is(heartbeat_at, '2026-11-20 12:00:00+00', 'the heartbeat is the time of the last beat') from playground.platform_state;
select * from finish();
rollback;
