begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(16);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_package(), tests.make_user_with(50) as ann_id \gset
select tests.buy(:'ann_id', 100, 5) \g /dev/null
select is_empty('select * from engine.verify_rollups(null)', 'what waits to be added up counts');
-- As code of before this writes them, when it is still at work after the migration.
delete from rollup.ledger_changes where number = 1;
select is(engine.roll_up_ledger(), 3::bigint, 'the first time, lines that no queue was told of are added as well');
select is_empty('select * from engine.verify_rollups(null)', 'and what was added up');
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is_empty('select * from engine.verify_rollups(null)', 'and both together');

update rollup.credit_months set credits_in = credits_in + 1 where source = 'purchase';
select results_eq('select invariant, account_id, detail from engine.verify_rollups(null)',
  $$ values ('credit_flow_is_the_ledger', null::uuid, 'lots of purchase in bucket purchased: 100 credits, their flows make 101') $$, 'a flow of credits that nobody has is named');
select is_empty('select * from engine.verify_rollups(engine.now())', 'with everything only: sums are of all accounts');
update rollup.credit_months set credits_in = credits_in - 1 where source = 'purchase';

create temporary table taken on commit drop as select * from rollup.ledger_changes;
delete from rollup.ledger_changes;
select results_eq('select detail from engine.verify_rollups(null) order by detail collate "C"',
  $$ values ('4 lines make 154, the sums and their queue have 3 lines of 155'), ('lots of signup in bucket purchased: 4 credits, their flows make 5') $$, 'a line that was never added is named');
insert into rollup.ledger_changes select * from taken;
insert into rollup.ledger_changes select * from taken;
select set_has('select detail from engine.verify_rollups(null)', $$ values ('4 lines make 154, the sums and their queue have 5 lines of 153') $$, 'and one that is added twice');
delete from rollup.ledger_changes;
insert into rollup.ledger_changes select * from taken;
update rollup.line_months set lines = lines + 1, amount = amount where type = 'signup';
select results_eq('select detail from engine.verify_rollups(null)', $$ values ('4 lines make 154, the sums and their queue have 5 lines of 154') $$, 'even if it moved no credits');
update rollup.line_months set lines = lines - 1 where type = 'signup';
select is_empty('select * from engine.verify_rollups(null)', 'sums that were put right are sound');

-- Runs.
delete from rollup.usage_changes;
select is(engine.roll_up_usage(), 1::bigint, 'the first time, runs that no queue was told of are added as well');
select engine.roll_up() \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is_empty('select * from engine.verify_usage_sums(null)', 'runs that were added up, and those that wait, cost what windows say');
create temporary table waiting on commit drop as select * from rollup.usage_changes;
delete from rollup.usage_changes;
select results_eq('select invariant, detail from engine.verify_usage_sums(null)',
  format($$ values ('usage_sums_are_the_runs', 'month 2026-11 of user %s: its window cost 0.002100000000, the sums and their queue 0.001050000000') $$, :'ann_id'), 'a run that was never added is named');
insert into rollup.usage_changes select * from waiting;
insert into rollup.usage_changes select * from waiting;
select results_eq('select detail from engine.verify_usage_sums(null)',
  format($$ values ('month 2026-11 of user %s: its window cost 0.002100000000, the sums and their queue 0.003150000000') $$, :'ann_id'), 'and one that is added twice');
delete from rollup.usage_changes;
insert into rollup.usage_changes select * from waiting;
select engine.roll_up() \g /dev/null
update rollup.package_totals set runs = runs + 1;
select results_eq('select detail from engine.verify_usage_sums(null)',
  $$ values ('package_totals: 3 runs, 2 credits, cost 0.002100000000; usage_totals: 2, 2, 0.002100000000') $$, 'sums of the same runs that differ are named');
update rollup.package_totals set runs = runs - 1;
select is_empty('select * from engine.verify_usage_sums(null)', 'what is right again is quiet');
select * from finish();
rollback;
