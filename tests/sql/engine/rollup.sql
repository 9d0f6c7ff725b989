begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(23);
create function tests.days()
returns text[]
language sql
as $$
  select array_agg(
    format('%s %s %s %s: %s runs, %s new, %s + %s tokens, %s credits, $%s', to_char(day at time zone 'UTC', 'MM-DD'), model, tier, outcome,
      runs, new_sessions, input_tokens, output_tokens, credits, trim_scale(cost_usd))
    order by day, model, outcome)
  from rollup.usage_days
  where runs <> 0
$$;
create function tests.people()
returns text
language sql
as $$
  select (select string_agg(to_char(day at time zone 'UTC', 'MM-DD') || ' ' || people, ', ' order by day) from rollup.people_days)
    || '; ' || (select string_agg(to_char(month at time zone 'UTC', 'MM') || ' ' || people, ', ' order by month) from rollup.people_months)
    || '; ' || (select string_agg(p.name || ' ' || t.people, ', ' order by p.name) from rollup.package_totals t join playground.packages p using (package_id))
$$;

select tests.freeze('2026-11-30 23:58:00+00');
select tests.make_package() as package_id, tests.make_package('other') as other_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
select engine.roll_up_usage() \g /dev/null

select is(engine.roll_up_usage(), 0::bigint, 'without runs nothing is new');
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) as first_run \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_session_id => (playground.sessions.session_id)))
from playground.sessions where user_id = :'ann_id' \g /dev/null
select tests.reserve(:'bob_id', p_model => 'gpt-4o-mini') as failed_run, tests.reserve(:'bob_id') as bob_run, tests.reserve(:'bob_id') as unanswered \gset
select tests.advance('2 minutes');
-- Settled on the first of December, reserved in November.
select tests.settle(:'bob_id', :'bob_run') \g /dev/null
select tests.release(:'bob_id', :'failed_run', p_input => 10, p_output => 0) \g /dev/null

select is(engine.roll_up_usage(), 4::bigint, 'each run is one row');
select is(
  tests.days(),
  array[
    '11-30 gpt-4o-mini free provider_refused: 1 runs, 0 new, 10 + 0 tokens, 0 credits, $0.000006',
    '11-30 sonnet free completed: 3 runs, 2 new, 300 + 150 tokens, 3 credits, $0.00315'],
  'by the day on which they began, model, tier and outcome; only an exchange begins a conversation'
);
select is(tests.people(), '11-30 2; 11 2; demo 2', 'each person counts once a day, once a month and once a package');
select is(engine.roll_up_usage(), 0::bigint, 'what was added up is not added again');
select is_empty('select from rollup.usage_changes', 'and leaves the queue');

select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_package => 'other', p_use_no_prompt => true)) \g /dev/null
select is(engine.roll_up_usage(), 1::bigint, 'the next call takes what is new alone');
select is(tests.people(), '11-30 2, 12-01 1; 11 2, 12 1; demo 2, other 1', 'who comes again counts for the new day, month and package');
select results_eq(
  'select runs, comparisons, credits, trim_scale(cost_usd) from rollup.package_totals where package_id = ' || quote_literal(:'other_id'),
  'values (1::bigint, 1::bigint, 1::bigint, 0.00105)',
  'a package has its runs, comparisons among them'
);
select results_eq(
  format('select runs, credits, trim_scale(cost_usd), first_run_at, last_run_at from rollup.user_totals where user_id = %L', :'ann_id'),
  $$ values (3::bigint, 3::bigint, 0.00315, '2026-11-30 23:58:00+00'::timestamptz, '2026-12-01 00:00:00+00'::timestamptz) $$,
  'a person has all of theirs, from the first to the last'
);
select results_eq(
  format('select to_char(month at time zone ''UTC'', ''YYYY-MM''), runs from rollup.user_months where user_id = %L order by month', :'ann_id'),
  $$ values ('2026-11', 2::bigint), ('2026-12', 1) $$,
  'and month by month'
);

-- A run that nobody settled, and then somebody did.
select tests.advance('5 minutes');
select jobs.expire_holds() \g /dev/null
select is(engine.roll_up_usage(), 1::bigint, 'a run that was abandoned counts');
select is(runs, 1::bigint, 'as such') from rollup.usage_totals where outcome = 'abandoned';
select tests.people() as people_before \gset
select tests.settle(:'bob_id', :'unanswered', p_input => 20, p_output => 30) \g /dev/null
select is(engine.roll_up_usage(), 2::bigint, 'a correction is the old row taken back, and the new one');
select results_eq(
  $$ select outcome, runs, input_tokens, output_tokens, trim_scale(cost_usd) from rollup.usage_totals where outcome in ('abandoned', 'late') order by 1 $$,
  $$ values ('abandoned', 0::bigint, 0::bigint, 0::bigint, 0::numeric), ('late', 1, 20, 30, 0.00051) $$,
  'the run moves from one outcome to the other'
);
select is(tests.people(), :'people_before', 'and nobody is counted again');
select is(new_sessions, 1::bigint, 'the late answer begins the conversation') from rollup.usage_days where outcome = 'late';
select results_eq(
  'select sum(runs)::bigint, sum(credits)::bigint, sum(cost_usd) from rollup.usage_totals',
  'select count(*), sum(credits)::bigint, sum(cost_usd) from playground.usage',
  'all in all the sums are what usage holds'
);

-- Who notes it, and what all of it together is.
select results_eq(
  $$ select refreshed_at, rows_read from rollup.refreshes where name = 'usage' $$, $$ values (engine.now(), 2::bigint) $$,
  'when the sums were last made, and how much was new, is kept'
);
select engine.note_refresh('usage', '2026-01-01 00:00:00+00', 7, interval '3 seconds');
select results_eq(
  $$ select refreshed_at, rows_read, duration from rollup.refreshes where name = 'usage' $$,
  $$ values ('2026-01-01 00:00:00+00'::timestamptz, 7::bigint, interval '3 seconds') $$,
  'the latest word counts'
);
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is(engine.roll_up(), greatest(1, (select count(*) from rollup.ledger_changes)), 'everything new is the runs and the lines of the ledger');
select is((select count(*) from rollup.usage_changes) + (select count(*) from rollup.ledger_changes), 0::bigint, 'and none of it waits any more');
select is(
  (select proconfig from pg_proc where oid = 'engine.roll_up_usage'::regproc), array['enable_nestloop=off'],
  'a long queue is not compared with itself row by row, whatever the planner believes of its length'
);
select * from finish();
rollback;
