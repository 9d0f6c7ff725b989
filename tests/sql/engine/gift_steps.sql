begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(57);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id, tests.make_user('dan@example.com') as dan_id \gset
select tests.buy(:'ann_id', 100, 5), tests.advance('1 hour') \g /dev/null
select tests.buy(:'ann_id', 100, 5), tests.buy(:'bob_id', 100, 5), tests.advance('15 days') \g /dev/null
update playground.users set username = 'Ann' where user_id = :'ann_id';

-- It arrives.
select tests.give(:'ann_id', 'bob@example.com', 130, 'Thanks!') ->> 'gift_id' as gift_id \gset
select tests.advance('1 minute') \g /dev/null
select is(engine.process_gifts(20), 1, 'a gift under way arrives in one step');
select is((tests.ledger(:'bob_id'))[3], '3 gift +130 = 235 (gift +100, gift +30)', 'in one line, a grant for each part');
select is((description, metadata, user_id)::text, ('Gift received', jsonb_build_object('giftId', :'gift_id'), :'bob_id')::text, 'that names the gift')
from playground.transactions where account_id = :'bob_id' and number = 3;
select results_eq(
  format($$ select g.bucket::text, g.source::text, g.granted::bigint, g.expires_at, g.gift_id::text, g.purchase_id = p.purchase_id, p.position
    from playground.grants g join playground.gift_parts p on p.to_grant_id = g.grant_id where g.account_id = %L order by p.position $$, :'bob_id'),
  format($$ values ('purchased', 'gift', 100::bigint, null::timestamptz, %L, true, 1), ('purchased', 'gift', 30, null, %1$L, true, 2) $$, :'gift_id'),
  'for good, with the purchase that paid for it'
);
select is((state, to_account_id, to_email, ended_at)::text, ('arrived', :'bob_id', null, engine.now())::text, 'and that is its end') from playground.gifts where gift_id = :'gift_id';
select is(engine.process_gifts(20), 0, 'once');
select is((details, email)::text, ('{"from": "Ann", "credits": 130, "message": "Thanks!"}'::jsonb, null)::text, 'the receiver is told') from playground.notices where user_id = :'bob_id' and kind = 'gift_received';
select is((engine.giftable(:'bob_id', engine.now() + interval '100 days')).credits, 100::bigint, 'gifts are not given on');
select is_empty('select tests.book_errors()', 'the books hold');

-- The receiver is gone.
select tests.give(:'ann_id', 'cy@example.com', 20) ->> 'gift_id' as gone_id \gset
update playground.users set deleted_at = engine.now(), email = null, username = null where user_id = :'cy_id';
select is(engine.process_gifts(20), 1, 'a gift to somebody who was deleted meanwhile');
select is(state, 'returning', 'turns back') from playground.gifts where gift_id = :'gone_id';
select is((select last_number from playground.accounts where account_id = :'cy_id'), 1::bigint, 'without having been there');
select is_empty('select tests.book_errors()', 'the books hold while it is on its way back');
select is(engine.process_gifts(20), 1, 'in a step of its own');
select is((tests.ledger(:'ann_id'))[6], '6 gift +20 = 75 (purchase +20)', 'it comes back to the grant it came from');
select is((state, ended_at)::text, ('returned', engine.now())::text, 'and that is its end') from playground.gifts where gift_id = :'gone_id';
select is(details, '{"credits": 20, "toEmail": null}', 'the sender is told') from playground.notices where user_id = :'ann_id' and kind = 'gift_returned';

-- Somebody registers.
select tests.give(:'ann_id', ' Eve@Example.com', 30) ->> 'gift_id' as eve_gift, tests.give(:'bob_id', 'eve@example.com', 40) as eve_second \gset
select is(engine.process_gifts(20), 0, 'a gift that waits has no step');
select tests.freeze('2026-12-16 13:00:59.999999+00');
select is(engine.process_gifts(20), 0, 'for 30 days');
select tests.make_user('EVE@example.com') as eve_id \gset
select is(tests.ledger(:'eve_id'), array['1 signup +5 = 5 (signup +5)', '2 gift +30 = 35 (gift +30)', '3 gift +40 = 75 (gift +40)'], 'who registers the address has what waited for it, in the transaction that makes the person')
where :'ann_id' < :'bob_id'
union all
select is(tests.ledger(:'eve_id'), array['1 signup +5 = 5 (signup +5)', '2 gift +40 = 45 (gift +40)', '3 gift +30 = 75 (gift +30)'], 'who registers the address has what waited for it, in the transaction that makes the person')
where :'ann_id' > :'bob_id';
select is((state, to_account_id, to_user_id, to_email)::text, ('arrived', :'eve_id', :'eve_id', null)::text, 'the address is forgotten') from playground.gifts where gift_id = :'eve_gift';
select is_empty('select from playground.waiting_gifts', 'nothing waits any more');
select is((select count(*) from playground.notices where user_id = :'eve_id' and kind = 'gift_received'), 2::bigint, 'the person is told of each');
select is_empty('select tests.book_errors()', 'the books hold');

-- Nobody does.
select tests.freeze('2026-12-20 12:00:00+00');
select tests.give(:'ann_id', 'Nobody@example.com', 10) ->> 'gift_id' as waiting_id \gset
select tests.freeze('2027-01-19 12:00:00+00');
select tests.make_user('nobody@example.com') as nobody_id \gset
select is((select last_balance::bigint from playground.accounts where account_id = :'nobody_id'), 5::bigint, 'who registers when the time is over comes too late');
select tests.advance('1 hour') \g /dev/null
select is(engine.process_gifts(20), 1, 'after 30 days a gift comes back');
select is((select (amount, effective_at) from playground.transactions where account_id = :'ann_id' order by number desc limit 1)::text, (10, '2027-01-19 12:00:00+00'::timestamptz)::text, 'as of the end of its time');
select is(details, '{"credits": 10, "toEmail": "Nobody@example.com"}', 'the sender is told of which') from playground.notices where subject = :'waiting_id' and kind = 'gift_returned';
select is((state, to_email)::text, ('returned', null)::text, 'and the address is forgotten') from playground.gifts where gift_id = :'waiting_id';
select is_empty('select from playground.waiting_gifts', 'nothing waits any more');
select is(engine.process_gifts(20), 0, 'once');

-- Refunds of what is under way.
select tests.freeze('2027-02-01 12:00:00+00');
select tests.make_user('fay@example.com') as fay_id, tests.make_user('guy@example.com') as guy_id, tests.make_user('hal@example.com') as hal_id \gset
select tests.buy(:'fay_id', 100, 10), tests.buy(:'guy_id', 100, 10), tests.buy(:'hal_id', 100, 10), tests.advance('15 days') \g /dev/null
select tests.give(:'fay_id', 'dan@example.com', 100), tests.refund(:'fay_id', 400) \g /dev/null
select is(tests.parts(:'fay_id'), array['sent: 40 of 100'], 'on its way a gift gives at once');
select is(tests.payment(:'fay_id'), 'owed 40, taken 40, due 0, short 0', 'which settles the payment');
select tests.dispute(:'fay_id', 200), tests.carry() \g /dev/null
select is((tests.ledger(:'dan_id'))[2:], array['2 gift +100 = 105 (gift +100)', '3 refund -40 = 65 (gift -40)'], 'it arrives smaller, and says so');
select is((select suspended::bigint from playground.grants where account_id = :'dan_id' and source = 'gift'), 20::bigint, 'and disputed');
select is((select details -> 'credits' from playground.notices where user_id = :'dan_id'), '60', 'the receiver hears of what is left');
select tests.refund(:'fay_id', 0), tests.dispute(:'fay_id', 0, 'won'), tests.carry() \g /dev/null
select is((tests.ledger(:'dan_id'))[4], '4 refund +40 = 105 (gift +40)', 'and can be made whole again');
select tests.give(:'guy_id', 'dan@example.com', 100), tests.refund(:'guy_id', 1000), tests.carry() \g /dev/null
select is((tests.ledger(:'dan_id'))[5:], array['5 gift +100 = 205 (gift +100)', '6 refund -100 = 105 (gift -100)'], 'a refund of all leaves nothing of it');
select is((select count(*) from playground.notices where user_id = :'dan_id'), 1::bigint, 'of which nobody is told');
select tests.refund(:'guy_id', 500), tests.carry() \g /dev/null
select is((tests.ledger(:'dan_id'))[7], '7 refund +50 = 155 (gift +50)', 'yet a refund that failed brings it back');
select is_empty('select tests.book_errors()', 'the books hold');

-- Refunds of what waits and comes back.
select tests.give(:'hal_id', 'none@example.com', 70), tests.refund(:'hal_id', 500) \g /dev/null
select is(tests.parts(:'hal_id'), array['waiting: 20 of 70'], 'a gift that waits gives at once');
select is_empty('select tests.book_errors()', 'the books hold');
select tests.advance('30 days'), tests.carry() \g /dev/null
select is((tests.ledger(:'hal_id'))[5:], array['5 gift +70 = 75 (purchase +70)', '6 refund -20 = 55 (purchase -20)'], 'when it comes back, what was asked of it is taken from the grant');
select is(tests.payment(:'hal_id'), 'owed 50, taken 50, due 0, short 0', 'and the payment stands as before');
select is(tests.parts(:'hal_id'), array['returned: 0 of 70'], 'nothing is asked of the gift any more');
select tests.refund(:'hal_id', 0), tests.carry() \g /dev/null
select is((select last_balance::bigint from playground.accounts where account_id = :'hal_id'), 105::bigint, 'nor given to it');
select is_empty('select tests.book_errors()', 'the books hold');

-- What comes back pays first what is owed.
select tests.give(:'hal_id', 'none@example.com', 60), tests.buy(:'hal_id', 100, 10), tests.advance('1 day') \g /dev/null
update playground.grants set held = 100 where account_id = :'hal_id' and granted = 100 and purchase_id <> (select purchase_id from playground.payments where account_id = :'hal_id' order by paid_at limit 1);
select tests.refund(:'hal_id', 1000, 2) \g /dev/null
update playground.grants set held = 0 where account_id = :'hal_id';
select tests.advance('29 days'), tests.carry() \g /dev/null
select is(tests.payment(:'hal_id', 2), 'owed 100, taken 100, due 0, short 0', 'what comes back pays first what another payment owes');

-- Accounts, one a call.
select tests.freeze('2027-04-01 12:00:00+00');
select tests.make_user('ida@example.com') as ida_id, tests.make_user('jo@example.com') as jo_id, tests.make_user('kim@example.com') as kim_id \gset
select tests.buy(:'ida_id', 100, 10), tests.advance('15 days') \g /dev/null
select tests.give(:'ida_id', 'jo@example.com', 1), tests.advance('1 second') \g /dev/null
select tests.give(:'ida_id', 'kim@example.com', 1), tests.advance('1 second') \g /dev/null
select tests.give(:'ida_id', 'jo@example.com', 1), tests.give(:'ida_id', 'jo@example.com', 1) \g /dev/null
select is(engine.process_gifts(2), 2, 'as many steps as asked for');
select is(engine.process_gifts(20), 1, 'of one account a call');
select is(engine.process_gifts(20), 1, 'the one that waits longest first');
select is(engine.process_gifts(20), 0, 'until nothing is left');
select is(engine.process_gifts_of(:'ida_id', 20), 0, 'an account without gifts under way has no steps');
select is(engine.process_gifts_of(gen_random_uuid(), 20), 0, 'nor one that is not there');

-- Stands for an account whose rows contradict each other.
select tests.give(:'ida_id', 'jo@example.com', 1), tests.advance('1 second') \g /dev/null
select tests.give(:'ida_id', 'kim@example.com', 1) \g /dev/null
update playground.accounts set last_number = last_number - 1 where account_id = :'jo_id';
select is(engine.process_gifts(20), 1, 'an account whose rows contradict each other keeps nobody waiting');
select is(details ->> 'sqlstate', '23505', 'it is told') from playground.alerts where user_id = :'jo_id' and kind = 'gifts_failed';
select * from finish();
rollback;
