begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select admin.create_promo_code('welcome', 50, 10, null, 'x') \g /dev/null
select * from api.redeem_code(:'ann_id', 'welcome', '192.0.2.1', null, tests.token_of(:'ann_id')) \g /dev/null
select throws_ok($$ select admin.end_promo_code('nothing', 'x') $$, 'SCD04', null, 'an unknown code is refused');
select throws_ok($$ select admin.end_promo_code('welcome', '') $$, 'SCD03', null, 'a reason must be given');
select admin.end_promo_code(' Welcome', 'it leaked') \g /dev/null
select is((ended_at, redemptions)::text, (engine.now(), 1)::text, 'a code ends, and what it brought stays') from playground.promo_codes;
select is((actor, subject, before, after)::text, (session_user, 'WELCOME', '{"redemptions": 1}', '{"endedAt": "2026-11-20T12:00:00.000000Z"}')::text, 'who, what and why are kept')
from playground.audit_log where reason = 'it leaked';
select is(refusal, 'SCK03', 'nobody redeems it any more') from tests.make_user() as id cross join api.redeem_code(id, 'welcome', '192.0.2.1', null, tests.token_of(id));
select throws_ok($$ select admin.end_promo_code('welcome', 'x') $$, 'SCD05', null, 'a code ends once');
select * from finish();
rollback;
