begin;
\ir ../helpers.psql
select plan(2);
select bag_eq('select * from admin.tiers',
  $$ select tier, monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, concurrent_runs, alert_thresholds, is_unlimited, is_active, throttle_on_exceed from playground.tiers $$,
  'the limits of each tier');
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.tiers') $$, 'operators read it');
select * from finish();
rollback;
