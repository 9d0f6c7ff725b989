begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(42);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_package() as package_id, tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id \gset
select tests.buy(:'ann_id', 100, 5), tests.advance('1 day') \g /dev/null
select tests.buy(:'ann_id', 250, 10), admin.grant_credits(:'ann_id', 1000, 'a bonus', 'bonus') \g /dev/null

-- What can be given.
select tests.freeze('2026-11-15 11:59:59.999999+00');
select is(tests.give(:'ann_id', 'bob@example.com', 1) - 'refusal_message', '{"refusal": "SCG01", "refusal_detail": {"giftable": 0, "credits": 1}, "status": null, "body": null, "is_replay": null, "gift_id": null}', 'bought credits are given away when they are 14 days old');
select tests.freeze('2026-11-15 12:00:00+00');
select is(tests.give(:'ann_id', 'bob@example.com', 101) -> 'refusal_detail', '{"giftable": 100, "credits": 101}', 'others never: signup, bonus, younger purchases');
select tests.freeze('2026-11-16 12:00:00+00');
select is(tests.give(:'ann_id', 'bob@example.com', 9223372036854775807) -> 'refusal_detail', '{"giftable": 350, "credits": 9223372036854775807}', 'all of age together, however much is asked for');
select is((select count(*) from playground.gifts), 0::bigint, 'a refusal leaves nothing behind');
update playground.grants set suspended = 20, held = 0 where account_id = :'ann_id' and source = 'purchase' and granted = 250;
select is(tests.give(:'ann_id', 'bob@example.com', 331) -> 'refusal_detail', '{"giftable": 330, "credits": 331}', 'not what is suspended');
update playground.grants set suspended = 0 where account_id = :'ann_id';
update playground.grants set held = 100 where account_id = :'ann_id' and source = 'purchase' and granted = 250;
select is(tests.give(:'ann_id', 'bob@example.com', 251) -> 'refusal_detail', '{"giftable": 250, "credits": 251}', 'nor what a run holds');
update playground.grants set held = 0 where account_id = :'ann_id';

-- The sender's step.
select tests.give(:'ann_id', ' BOB@Example.com ', 120, '  For your birthday  ') as gift \gset
select (:'gift'::jsonb ->> 'body')::jsonb as body, :'gift'::jsonb ->> 'gift_id' as gift_id \gset
select is((:'gift'::jsonb ->> 'refusal', :'gift'::jsonb ->> 'status', :'gift'::jsonb ->> 'is_replay')::text, '(,200,false)', 'a gift is sent');
select is(:'body'::jsonb, jsonb_build_object('giftId', :'gift_id', 'credits', 120, 'balance', 1235, 'status', 'sent', 'expiresAt', null), 'with what it left');
select is((tests.ledger(:'ann_id'))[5], '5 gift -120 = 1235 (purchase -100, purchase -20)', 'the oldest credits go first, each lot with its part');
select is((description, metadata, user_id, effective_at)::text, ('Gift sent', jsonb_build_object('giftId', :'gift_id'), :'ann_id', engine.now())::text, 'the history names the gift and no address')
from playground.transactions where account_id = :'ann_id' and number = 5;
select is((user_id, to_account_id, to_user_id, to_email, credits, message, state, sent_at, expires_at)::text,
  (:'ann_id', :'bob_id', :'bob_id', null, 120, 'For your birthday', 'sent', engine.now(), null)::text, 'it is under way to whoever has the address')
from playground.gifts where account_id = :'ann_id' and gift_id = :'gift_id';
select results_eq(
  format($$ select position, p.credits::bigint, g.granted::bigint, payment_intent_id = 'pi_' || p.purchase_id, p.purchase_id = g.purchase_id, step
    from playground.gift_parts p join playground.grants g using (account_id, grant_id) where p.account_id = %L order by 1 $$, :'ann_id'),
  $$ values (1, 100::bigint, 100::bigint, true, true, null::text), (2, 20, 250, true, true, null) $$,
  'each part knows its lot, purchase and payment'
);
select is((select last_balance::bigint from playground.accounts where account_id = :'bob_id'), 5::bigint, 'it has not arrived yet');
select is_empty('select tests.book_errors()', 'the books hold while it is under way');

-- To somebody who is not registered.
select tests.give(:'ann_id', ' New@Example.com', 10, p_message => '') as waiting \gset
select (:'waiting'::jsonb ->> 'body')::jsonb as waiting_body \gset
select is(:'waiting_body'::jsonb - 'giftId', '{"credits": 10, "balance": 1225, "status": "waiting", "expiresAt": "2026-12-16T12:00:00.000000Z"}'::jsonb, 'a gift waits 30 days for somebody not registered');
select is((to_account_id, to_user_id, to_email, message, state)::text, (null::uuid, null::uuid, 'New@Example.com', null::text, 'waiting')::text, 'and keeps the address meanwhile')
from playground.gifts where credits = 10;
select is((email_hash, gift_id::text)::text, (sha256('new@example.com'), :'waiting'::jsonb ->> 'gift_id')::text, 'under which it is found') from playground.waiting_gifts;
select is((user_id, kind, email, details)::text,
  (:'ann_id', 'gift_waiting', 'New@Example.com', '{"from": "ann@example.com", "credits": 10, "message": null, "expiresAt": "2026-12-16T12:00:00.000000Z"}'::jsonb)::text,
  'the address is told, once') from playground.notices where kind = 'gift_waiting';

-- Refused fields.
select throws_ok(format('select tests.give(%L, %L, %s, %L)', :'ann_id', email, credits, message), 'SCV01', null, why)
from (values
  ('ann@example.com', '1', null, 'nobody gives to oneself'), (' ANN@Example.com', '1', null, 'however the address is written'),
  ('ann+gift@example.com', '1', null, 'or with a tag'), ('bob', '1', null, 'an address must be one'), (null, '1', null, 'an address must be given'),
  ('bob@example.com', '0', null, 'credits must be positive'), ('bob@example.com', '-1', null, 'and not negative'), ('bob@example.com', 'null', null, 'credits must be given'),
  ('bob@example.com', '1', repeat('x', 501), 'a message has 500 characters'), ('bob@example.com', '1', e'a\nb', 'printable ones')
) as listed (email, credits, message, why);
select lives_ok(format('select tests.give(%L, %L, 1, %L)', :'ann_id', 'bob@example.com', repeat('é', 500)), '500 characters are no octets');
update playground.users set account_id = :'ann_id' where user_id = :'cy_id';
select throws_ok(format('select tests.give(%L, %L, 1)', :'ann_id', 'cy@example.com'), 'SCV01', null, 'nor to somebody whom the same account pays for');
update playground.users set account_id = :'cy_id' where user_id = :'cy_id';
select throws_ok(format('select tests.give(%L, %L, 1)', gen_random_uuid(), 'bob@example.com'), 'SCA02', null, 'a stranger gives nothing');

-- Repeats.
select tests.give(:'ann_id', 'bob@example.com', 7, p_idempotency_key => 'k') as first \gset
select is(tests.give(:'ann_id', ' Bob@example.com', 7, ' ', 'k') - 'gift_id', :'first'::jsonb - 'gift_id' || '{"is_replay": true}', 'a repeat is answered as the first time');
select is((select count(*) from playground.gifts where credits = 7), 1::bigint, 'and gives nothing');
select throws_ok(format('select tests.give(%L, %L, 8, null, %L)', :'ann_id', 'bob@example.com', 'k'), 'SCI01', null, 'another gift under the same key is refused');
select throws_ok(format('select tests.give(%L, %L, 8, null, %L)', :'ann_id', 'bob@example.com', ''), 'SCV01', null, 'a key must be one');
select is(tests.give(:'ann_id', 'bob@example.com', 1000, p_idempotency_key => 'free') ->> 'refusal', 'SCG01', 'a refusal');
select is(tests.give(:'ann_id', 'bob@example.com', 1, p_idempotency_key => 'free') ->> 'refusal', null, 'leaves the key free');

-- What is owed.
select tests.buy(:'cy_id', 100, 5), tests.buy(:'cy_id', 100, 5), tests.advance('20 days') \g /dev/null
update playground.payments set shortfall = 1 where account_id = :'cy_id' and payment_intent_id = tests.payment_of(:'cy_id', 1);
select is(tests.give(:'cy_id', 'bob@example.com', 1) - 'refusal_message', '{"refusal": "SCG02", "refusal_detail": null, "status": null, "body": null, "is_replay": null, "gift_id": null}', 'nobody gives away while a shortfall is open');
update playground.payments set shortfall = 0 where account_id = :'cy_id';

-- So many a day.
select count(tests.give(:'cy_id', 'bob@example.com', n)) from generate_series(1, 10) as n \g /dev/null
select tests.advance('6 hours'), count(tests.give(:'cy_id', 'bob@example.com', n)) from generate_series(1, 10) as n \g /dev/null
select tests.advance('0.5 seconds') \g /dev/null
select is(tests.give(:'cy_id', 'bob@example.com', 1) -> 'refusal_detail', '{"retryAfter": 64800}', 'the 21st gift of a day is refused, in whole seconds rounded up');
select tests.advance('17 hours 59 minutes 59 seconds') \g /dev/null
select is(tests.give(:'cy_id', 'bob@example.com', 1) ->> 'refusal', 'SCG03', 'until the first is a day old');
select tests.advance('0.5 seconds') \g /dev/null
select is(tests.give(:'cy_id', 'bob@example.com', 1) ->> 'refusal', null, 'and not longer');
select is_empty('select tests.book_errors()', 'the books hold');
select * from finish();
rollback;
