begin;
\ir ../helpers.psql
select plan(30);
select tests.freeze('2026-11-20 12:00:00+00');

select admin.set_setting('signup_credits', '7', 'spring') \g /dev/null
select is(signup_credits, 7::bigint, 'a setting is changed') from playground.platform_settings;
select is((actor, subject, before, after, reason)::text, (session_user, 'signup_credits', '{"value": "5"}', '{"value": "7"}', 'spring')::text, 'who, what, before, after and why are kept')
from playground.audit_log where action = 'set_setting';
select admin.set_setting('hold_lifetime', '4 minutes', 'slow models') \g /dev/null
select is(hold_lifetime, interval '240 seconds', 'each has its own type') from playground.platform_settings;
select admin.set_setting('frontend_url', 'https://scrip.example/app', 'moved') \g /dev/null
select admin.set_setting('default_model', 'gpt-4o', 'cheaper') \g /dev/null
select is((frontend_url, default_model)::text, '(https://scrip.example/app,gpt-4o)', 'texts too') from playground.platform_settings;

select throws_ok(format('select admin.set_setting(%L, %L, %L)', name, 'x', 'x'), 'SCD01', null, format('%L is no setting', name))
from (values ('no_such_setting'), ('is_the_only_row'), ('xmin'), (''), (null), ('signup_credits = 1, signup_credits_per_day')) as listed (name);
select throws_ok(format('select admin.set_setting(%L, %L, %L)', name, value, 'x'), 'SCD02', null, format('%s cannot be %L', name, value))
from (values
  ('signup_credits', 'many'), ('signup_credits', '-1'), ('signup_credits', null), ('signup_credits', '99999999999999999999'),
  ('token_estimate_factor', 'NaN'), ('token_estimate_factor', '1e9'), ('hold_lifetime', 'soon'), ('hold_lifetime', '1 second'),
  ('default_model', 'gpt-9'), ('frontend_url', 'javascript:alert(1)'), ('frontend_url', 'https://scrip.example/'), ('frontend_url', null),
  ('login_attempts', '0'), ('usage_retention', '10000 years'), ('refresh_token_lifetime', '1001 years')
) as listed (name, value);
select lives_ok($$ select admin.set_setting('usage_retention', '1000 years', 'for good'); select engine.announce_retirement(engine.now()) $$, 'a thousand years are for good, and can be counted back from now');
select throws_like($$ select admin.set_setting('no_such_setting', '1', 'x') $$, '%admin.settings%', 'who names none is told where they are');
select throws_ok($$ select admin.set_setting('signup_credits', '-1', 'x') $$, 'SCD02', '-1 is no value for the setting signup_credits: signup is not negative.', 'which rule refuses it is said in words');
select is(count(*), 5::bigint, 'what is refused leaves no trace') from playground.audit_log where action = 'set_setting';
select throws_ok($$ select admin.set_setting('signup_credits', '7', ' ') $$, 'SCD03', null, 'a reason must be given');
select * from finish();
rollback;
