begin;
\ir ../helpers.psql
select plan(1);
select tests.freeze('2026-11-20 12:00:00+00');
select is(admin.get_instant(), '2026-11-20 12:00:00+00', 'the one clock, for views');
select * from finish();
rollback;
