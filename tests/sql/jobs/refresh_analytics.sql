begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is_empty('select from analytics.daily_usage', 'a cache shows what was when it was made');
select is(jobs.refresh_analytics(), '2026-11-20 12:00:00+00', 'says of which instant the figures are');
select is(runs, 1::bigint, 'and then what has happened since') from analytics.daily_usage;
select tests.advance('1 hour');
select jobs.refresh_analytics() \g /dev/null
select is_empty(
  $$ select name from engine.analytics_caches() left join rollup.refreshes using (name) where refreshed_at is distinct from '2026-11-20 13:00:00+00' $$,
  'each cache knows when it was made'
);
select tests.advance('41 days');
select jobs.refresh_analytics() \g /dev/null
select results_eq(
  'select (select count(*) from rollup.user_days), people from rollup.people_days', 'values (0::bigint, 1::bigint)',
  'who was there on which day is forgotten, how many were is not'
);
select * from finish();
rollback;
