begin;
\ir ../helpers.psql
select plan(4);
select ok(engine.now() between clock_timestamp() - interval '1 second' and clock_timestamp(), 'the clock shows the machine''s time');
select ok(engine.now() > transaction_timestamp(), 'and goes on within a transaction');
select volatility_is('engine', 'now', array[]::name[], 'volatile', 'each look at it is a new one');
select tests.freeze('2026-02-03 04:05:06.789+00');
select is(engine.now(), '2026-02-03 04:05:06.789+00', 'tests stop it');
select * from finish();
rollback;
