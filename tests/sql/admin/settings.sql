begin;
\ir ../helpers.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select set_eq(
  'select name from admin.settings',
  $$ select column_name::text from information_schema.columns where table_schema = 'playground' and table_name = 'platform_settings' and column_name <> 'is_the_only_row' $$,
  'each setting is one line'
);
select is_empty($$ select name from admin.settings where coalesce(meaning, '') = '' $$, 'with what it means');
select is(
  array_agg(format('%s = %s', name, coalesce(value, '-')) order by name) filter (where name in ('signup_credits', 'pack_cost_share', 'gift_age', 'alert_email', 'default_model')),
  '{"alert_email = -","default_model = sonnet","gift_age = 14 days","pack_cost_share = 0.7","signup_credits = 5"}', 'and what it is now, in figures without trailing zeros'
)
from admin.settings;
select admin.set_setting(name, value, 'as it is') from admin.settings \g /dev/null
select is_empty($$ select subject from playground.audit_log where action = 'set_setting' and before <> after $$, 'a value that is read can be written as it is');
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.settings') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.settings set value = 7') $$, 'SCL01', null, 'and change them by admin.set_setting alone');
select * from finish();
rollback;
