begin;
\ir ../helpers.psql
select plan(12);
select lives_ok(format('select engine.check_setting(%L, %L)', name, value), format('%s can be %s', name, coalesce(value, 'null')))
from (values ('default_model', 'opus'), ('frontend_url', 'http://localhost:8080'), ('frontend_url', 'https://scrip.example/a/b'), ('signup_credits', 'anything'), ('alert_email', 'ops@scrip.example'), ('alert_email', null)) as listed (name, value);
select throws_ok(format('select engine.check_setting(%L, %L)', name, value), 'SCD02', null, format('%s cannot be %s', name, value))
from (values ('default_model', 'none'), ('frontend_url', 'ftp://scrip.example'), ('frontend_url', 'https://scrip.example?x=y'), ('alert_email', 'ops'), ('alert_email', 'a@scrip.example, b@scrip.example')) as listed (name, value);
update playground.models set is_enabled = false where model = 'opus';
select throws_ok($$ select engine.check_setting('default_model', 'opus') $$, 'SCD02', null, 'a model that is switched off is no default');
select * from finish();
rollback;
