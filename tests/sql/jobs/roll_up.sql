begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
select jobs.roll_up() \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null

select is(jobs.roll_up(), 1::bigint, 'a run, and its line of the ledger, are new');
select is(runs, 1::bigint, 'and in the sums') from rollup.user_totals where user_id = :'ann_id';
select is(jobs.roll_up(), 0::bigint, 'once');
select tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is(array[jobs.roll_up(2), jobs.roll_up(2), jobs.roll_up(2)], array[2, 1, 0]::bigint[], 'a batch is as large as asked for, the next goes on');
select is(runs, 4::bigint, 'and all of it is in the sums') from rollup.user_totals where user_id = :'ann_id';
select * from finish();
rollback;
