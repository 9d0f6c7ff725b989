begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(23);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id \gset
select admin.create_promo_code('welcome', 50, 10, null, 'for a test'), admin.create_promo_code('ended1', 50, 10, null, 'for a test'), admin.end_promo_code('ended1', 'for a test') \g /dev/null
-- Called again for each n.
create function tests.redeem(p_user_id uuid, p_code text, p_key text default null, p_address text default '192.0.2.1', p_n integer default 1)
returns jsonb
language sql
as $$ select to_jsonb(r) - 'refusal_message' from api.redeem_code(p_user_id, p_code, p_address, p_key, tests.token_of(p_user_id)) as r $$;

select is(tests.redeem(:'ann_id', ' Welcome ', 'k'), '{"refusal": null, "refusal_detail": null, "status": 200, "body": "{\"credits\" : 50, \"balance\" : 55, \"code\" : \"WELCOME\"}", "is_replay": false}', 'a code brings its credits');
select throws_ok(format('select api.redeem_code(%L, %L, null, null, %L)', :'bob_id', 'welcome', token), 'SCA01', null, why)
from (values (null, 'nobody redeems without a token of their own'), (tests.token_of(:'ann_id'), 'nor with another''s'), ('x', 'nor with anything else')) as listed (token, why);
select is(tests.redeem(:'ann_id', 'WELCOME', 'k'), '{"refusal": null, "refusal_detail": null, "status": 200, "body": "{\"credits\" : 50, \"balance\" : 55, \"code\" : \"WELCOME\"}", "is_replay": true}', 'a repeat is answered as the first time, byte for byte');
select is((select last_balance::bigint from playground.accounts where account_id = :'ann_id'), 55::bigint, 'and brings nothing');
select throws_ok(format('select tests.redeem(%L, %L, %L)', :'ann_id', 'ended1', 'k'), 'SCI01', null, 'another code under the same key is refused');
select throws_ok(format('select tests.redeem(%L, %L, %L)', :'ann_id', 'welcome', ''), 'SCV01', null, 'a key must be one');
select throws_ok(format('select tests.redeem(%L, %L)', :'ann_id', code), 'SCV01', null, 'a code must be given') from (values (null), (''), (e' \n')) as listed (code);
select throws_ok(format('select tests.redeem(%L, %L)', gen_random_uuid(), 'welcome'), 'SCA02', null, 'a stranger redeems nothing');

select is(tests.redeem(:'ann_id', 'welcome'), '{"refusal": "SCK02", "refusal_detail": null, "status": null, "body": null, "is_replay": null}', 'once a person');
select is(tests.redeem(:'bob_id', 'ended1', 'free') ->> 'refusal', 'SCK03', 'a code that has ended');
select is_empty('select from playground.code_attempts', 'right codes are no guesses, whatever became of them');
select is(tests.redeem(:'bob_id', 'nothing', 'free') ->> 'refusal', 'SCK01', 'a refusal leaves the key free');
select is((select array_agg(attempts) from playground.code_attempts), array[1, 1], 'a wrong code is a guess of the person and of the address');
select count(tests.redeem(:'bob_id', 'wrong', p_n => n)) from generate_series(2, 9) as n \g /dev/null
select is(tests.redeem(:'bob_id', 'wrong') ->> 'refusal', 'SCK01', 'ten guesses');
select tests.advance('59 minutes') \g /dev/null
select is(tests.redeem(:'bob_id', 'welcome'), '{"refusal": "SCK04", "refusal_detail": {"retryAfter": 60}, "status": null, "body": null, "is_replay": null}', 'then even a right code must wait');
select is(tests.redeem(:'cy_id', 'welcome') ->> 'refusal', 'SCK04', 'from that address');
select is(tests.redeem(:'cy_id', 'welcome', p_address => null) ->> 'status', '200', 'others are free, also where no address is known');
select tests.advance('1 minute') \g /dev/null
select is(tests.redeem(:'bob_id', 'welcome') ->> 'status', '200', 'and after an hour everybody is');
select is_empty($$ select * from admin.verify_ledger() $$, 'the books hold');
select * from finish();
rollback;
