begin;
\ir ../helpers.psql
select plan(23);
select tests.freeze('2026-11-20 12:00:00+00');
select is(admin.create_promo_code(' Welcome_2026-a ', 50, 1000, '2026-12-01 00:00:00+00', 'a campaign', '90 days'), 'WELCOME_2026-A', 'a code is kept in upper case');
select is(
  (code_key, code, credits, max_redemptions, redemptions, expires_at, credits_expire_after, created_at, ended_at)::text,
  ('WELCOME_2026-A', 'WELCOME_2026-A', 50, 1000, 0, '2026-12-01 00:00:00+00'::timestamptz, '90 days'::interval, engine.now(), null)::text,
  'with all that was said of it'
)
from playground.promo_codes;
select is((actor, user_id, subject, before, after, reason)::text, (session_user, null, 'WELCOME_2026-A', null, '{"credits": 50, "maxRedemptions": 1000, "expiresAt": "2026-12-01T00:00:00.000000Z", "creditsExpireAfter": "90 days"}'::jsonb, 'a campaign')::text, 'who, what and why are kept')
from playground.audit_log where action = 'create_promo_code';
select throws_ok(format('select admin.create_promo_code(%L, 1, 1, null, %L)', code, 'x'), 'SCD02', null, 'a code has 6 to 64 of A-Z, 0-9, - and _')
from (values (null), (''), ('short'), (repeat('x', 65)), ('with blank'), ('ÄÖÜÄÖÜ'), (e'line\nend')) as listed (code);
select throws_ok(format('select admin.create_promo_code(%L, %s, %s, %L, %L, %L)', 'another', credits, max_redemptions, expires_at, 'x', live_for), 'SCD02', null, what)
from (values
  ('0', '1', null, null, 'credits must be positive'), ('-5', '1', null, null, 'not negative'), ('null', '1', null, null, 'and given'), ('1000000001', '1', null, null, 'and no slip of the finger'),
  ('1', '0', null, null, 'so must redemptions'), ('1', 'null', null, null, 'without a number nobody knows what it costs'),
  ('1', '1', '2026-11-20 12:00:00+00', null, 'it must not be over already'),
  ('1', '1', null, '0 days', 'credits must live'), ('1', '1', null, '-1 day', 'for a while'), ('1', '1', null, '178000000 years', 'and end before all calendars')
) as listed (credits, max_redemptions, expires_at, live_for, what);
select throws_ok($$ select admin.create_promo_code('another', 1, 1, null, ' ') $$, 'SCD03', null, 'a reason must be given');
select throws_ok($$ select admin.create_promo_code('welcome_2026-A', 1, 1, null, 'x') $$, 'SCD05', null, 'a code is made once');
select admin.end_promo_code('welcome_2026-a', 'x') \g /dev/null
select throws_ok($$ select admin.create_promo_code('welcome_2026-A', 1, 1, null, 'x') $$, 'SCD05', null, 'also when it has ended');
select * from finish();
rollback;
