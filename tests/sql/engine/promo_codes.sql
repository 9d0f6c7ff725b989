begin;
\ir ../helpers.psql
select plan(33);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('ann+two@example.com') as ann_two_id, tests.make_user('cy@example.com') as cy_id \gset

select is(engine.code_key(code), 'WELCOME-1', 'a code is looked up trimmed and in upper case') from (values ('WELCOME-1'), (e' \twelcome-1\r\n'), ('WelCome-1')) as listed (code);
select is((engine.find_code('welcome')).code_key, null, 'an unknown code is none');

-- Guesses.
select engine.guess_subjects(:'ann_id', '192.0.2.1') as ann_here, engine.guess_subjects(:'ann_id', null) as ann_nowhere,
  engine.guess_subjects(:'bob_id', '192.0.2.1') as bob_here, engine.guess_subjects(:'bob_id', '192.0.2.2') as bob_there \gset
select is(cardinality(:'ann_here'::bytea[]), 2, 'a guess is that of a person and of an address');
select is(:'ann_nowhere'::bytea[], (:'ann_here'::bytea[])[1:1], 'or of a person alone');
create function tests.guess(p_subjects bytea[])
returns integer
language sql
as $$ select engine.count_guess(p_subjects, engine.now()) $$;
create function tests.counted(p_subject bytea)
returns integer
language sql
as $$ select attempts from playground.code_attempts where subject_hash = p_subject $$;
select is((select array_agg(tests.guess(:'ann_here')) from generate_series(1, 10)), array_fill(null::integer, array[10]), 'ten codes an hour may be tried');
select tests.advance('30 minutes 0.5 seconds') \g /dev/null
select is(tests.guess(:'ann_here'), 1800, 'the eleventh must wait, in whole seconds rounded up');
select is(tests.guess(:'ann_nowhere'), 1800, 'whereever the person comes from');
select is(tests.guess(:'bob_here'), 1800, 'whoever comes from that address');
select is(tests.guess(:'bob_there'), null, 'others are free');
select is(tests.counted((:'bob_there'::bytea[])[1]), 1, 'a try that was not looked up is no guess of the person''s');
select is(tests.counted((:'ann_here'::bytea[])[2]), 11, 'nor one of the address''s, and a thousand say no more than one');
select tests.freeze('2026-11-20 12:59:59.999+00');
select is(tests.guess(:'ann_here'), 1, 'until the window ends');
select tests.freeze('2026-11-20 13:00:00+00');
select is(tests.guess(:'ann_here'), null, 'and not longer');
select is(array[tests.counted((:'ann_here'::bytea[])[1]), tests.counted((:'ann_here'::bytea[])[2])], array[1, 1], 'then it begins anew');
select tests.guess(:'ann_here'), engine.uncount_guess(:'ann_here') \g /dev/null
select is(tests.counted((:'ann_here'::bytea[])[1]), 1, 'a code that is there was no guess');
select engine.uncount_guess(:'ann_here') \g /dev/null
select is(tests.counted((:'ann_here'::bytea[])[1]), null, 'the last one takes the count with it');
select is(encode((:'ann_here'::bytea[])[2], 'hex'), encode(sha256('address 192.0.2.1'), 'hex'), 'addresses are kept as hashes');

-- Redeeming.
select admin.create_promo_code('Welcome', 50, 2, '2026-12-01 00:00:00+00', 'for a test', '1 month') \g /dev/null
create function tests.redeem(p_user_id uuid, p_code text)
returns text
language plpgsql
as $$
declare
  v_redeemed record := engine.redeem(engine.touch_user(p_user_id), p_user_id, p_code);
begin
  return coalesce(v_redeemed.refusal, v_redeemed.credits || ' of ' || v_redeemed.code || ', now ' || v_redeemed.balance);
end $$;
select is(tests.redeem(:'ann_id', ' welcome'), '50 of WELCOME, now 55', 'a code brings its credits');
select is((bucket, source, granted, expires_at)::text, ('purchased', 'promo', 50, '2026-12-20 13:00:00+00'::timestamptz)::text, 'for as long as it says')
from playground.grants where account_id = :'ann_id' and source = 'promo';
select is((type, amount, description, metadata, user_id)::text, ('bonus', 50, 'Promo code WELCOME', '{"code": "WELCOME"}', :'ann_id')::text, 'visibly')
from playground.transactions where account_id = :'ann_id' and number = 2;
select is((account_id, user_id, number, redeemed_at)::text, (:'ann_id', :'ann_id', 2, engine.now())::text, 'and is noted')
from playground.promo_redemptions where code_key = 'WELCOME' and person_hash = engine.person_hash('ann@example.com');
select is(next_due_at, '2026-12-20 13:00:00+00'::timestamptz, 'the account knows when they expire') from playground.accounts where account_id = :'ann_id';
select is(tests.redeem(:'ann_id', 'WELCOME'), 'SCK02', 'once');
select is(tests.redeem(:'ann_two_id', 'WELCOME'), 'SCK02', 'a person, whatever the account');
select is(tests.redeem(:'ann_id', 'WELCOMED'), 'SCK01', 'a code that is not there');
select is(tests.redeem(:'bob_id', 'WELCOME'), '50 of WELCOME, now 55', 'the last one');
select is(tests.redeem(:'cy_id', 'WELCOME'), 'SCK03', 'then it is used up');
select is((select redemptions from playground.promo_codes where code_key = 'WELCOME'), 2, 'as it counts');
select admin.create_promo_code('forever', 5, 100, null, 'for a test'), admin.create_promo_code('december', 5, 100, '2026-12-01 00:00:00+00', 'for a test') \g /dev/null
select tests.freeze('2026-12-01 00:00:00+00');
select is(array[tests.redeem(:'cy_id', 'december'), tests.redeem(:'cy_id', 'forever')], array['SCK03', '5 of FOREVER, now 10'], 'a code is over at the instant it says, if any');
select is((select expires_at from playground.grants where account_id = :'cy_id' and source = 'promo'), null, 'credits that do not expire');
select is_empty($$ select * from admin.verify_ledger() $$, 'the books hold');
select * from finish();
rollback;
