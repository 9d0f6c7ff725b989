begin;
\ir ../helpers.psql
select plan(6);

select results_eq(
  $$ select tier_name, monthly_cost_limit::text, daily_cost_limit::text, hourly_request_limit, concurrent_run_limit, throttle_on_exceed, alert_at_percent, is_active
     from admin.cost_limits_config order by tier_name $$,
  $$ values
    ('free', '0.50', '0.10', 10, 20, true, '{50,75,80,90}'::integer[], true),
    ('prpm_plus_individual', '5.00', '1.00', 100, 20, true, '{50,75,90}', true),
    ('prpm_plus_org', '2.50', '0.50', 100, 20, true, '{50,75,90}', true),
    ('unlimited', '999999.99', null, null, null, true, '{}', true) $$,
  'limits are shown in dollars and cents; who has none shows what runbooks compare with'
);
update playground.tiers set monthly_cost_limit_usd = 0.123456789012, daily_cost_limit_usd = null where tier = 'free';
select results_eq(
  $$ select monthly_cost_limit, daily_cost_limit from admin.cost_limits_config where tier_name = 'free' $$,
  $$ values (0.123456789012::numeric, null::numeric) $$, 'nothing is rounded away, and what is missing is not hidden'
);
select is_empty(
  $$ select tier, monthly_cost_limit_usd from playground.tiers where not is_unlimited
     except select tier_name, monthly_cost_limit from admin.cost_limits_config $$,
  'every tier is there'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.cost_limits_config') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_analyst', 'select * from admin.cost_limits_config') $$, '42501', null, 'analysts may not');
select is_empty(
  $$ select relname, attname
     from pg_class
     join pg_attribute on attrelid = pg_class.oid and attnum > 0
     where relnamespace = 'admin'::regnamespace and relkind = 'v'
       and relname in ('cost_limits_config', 'users', 'organizations', 'organization_members', 'playground_sessions', 'playground_usage', 'playground_credits',
         'playground_credit_transactions', 'playground_credit_purchases', 'user_cost_alerts', 'user_cost_analytics')
       and col_description(attrelid, attnum) is null $$,
  'every column of a runbook''s view says what it is'
);
select * from finish();
rollback;
