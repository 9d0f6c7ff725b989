begin;
\ir ../helpers.psql
select plan(35);
select lives_ok(format('select engine.check_setting(%L, %L)', name, value), format('%s can be %s', name, coalesce(value, 'null')))
from (values ('default_model', 'opus'), ('frontend_url', 'http://localhost:8080'), ('frontend_url', 'https://scrip.example/a/b'), ('signup_credits', 'anything'), ('alert_email', 'ops@scrip.example'), ('alert_email', null), ('usage_retention', '2 months 3 days'), ('gift_age', '0'), ('gift_age', 'soon'), ('gift_age', '1000 years'), ('signup_credits_per_day', '999999999999')) as listed (name, value);
select throws_ok(format('select engine.check_setting(%L, %L)', name, value), 'SCD02', null, format('%s cannot be %s', name, value))
from (values ('default_model', 'none'), ('frontend_url', 'ftp://scrip.example'), ('frontend_url', 'https://scrip.example?x=y'), ('alert_email', 'ops'), ('alert_email', 'a@scrip.example, b@scrip.example'), ('audit_retention', '-1000 months 30360 days'), ('gift_age', '-1 day'), ('hold_lifetime', '1 day -1 second'), ('gift_age', '1000 years 1 second')) as listed (name, value);
update playground.models set is_enabled = false where model = 'opus';
select throws_ok($$ select engine.check_setting('default_model', 'opus') $$, 'SCD02', null, 'a model that is switched off is no default');

-- Months are 30 days where the table compares, so this is more than a year there, and the future where it is subtracted.
select is(
  interval '-1000 months 30360 days' >= interval '12 months' and timestamptz '2026-11-20' - interval '-1000 months 30360 days' > '2026-11-20',
  true, 'a length with both signs deceives a constraint');
select throws_ok(
  $$ select admin.set_setting('audit_retention', '-1000 months 30360 days', 'to hide it') $$, 'SCD02', null, 'so no setting takes one');

-- How long months are kept: in words, at the bound of the table's own constraint.
select throws_ok(
  format('select admin.set_setting(%L, %L, %L)', name, least - interval '1 second', 'for a test'), 'SCD02', format('%s must be at least %s months.', name, extract(year from least) * 12 + extract(month from least)),
  name || ' has a least length, said in words')
from (values ('usage_retention', interval '2 months'), ('message_retention', '2 months'), ('alert_retention', '2 months'), ('event_retention', '2 months'), ('audit_retention', '12 months'))
  as listed (name, least);
select lives_ok(format('select admin.set_setting(%L, %L, %L)', name, least, 'for a test'), name || ' can be that')
from (values ('usage_retention', '2 months'), ('alert_retention', '2 months'), ('audit_retention', '12 months')) as listed (name, least);
select is(engine.length_of('usage_retention', value), length, format('%L is %s', value, coalesce(length::text, 'no length'))) from (values ('soon', null::interval), (null, null), ('2 months', '2 months')) as listed (value, length);
select is(engine.length_of('signup_credits', '1'), null, 'what is no length of time has none');
select * from finish();
rollback;
