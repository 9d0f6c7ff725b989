begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(44);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_package() as package_id, tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id \gset
-- 100 credits for 10 dollars, of which 60 are given away: 40 to Bob, 20 to Cy.
select tests.buy(:'ann_id', 100, 10), tests.advance('14 days') \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 40), tests.advance('1 second') \g /dev/null
select tests.give(:'ann_id', 'cy@example.com', 20), tests.carry() \g /dev/null
create function tests.balances()
returns text
language sql
as $$
  select string_agg(split_part(email, '@', 1) || ' ' || last_balance || coalesce(' (' || nullif((select sum(suspended) from playground.grants g where g.account_id = a.account_id), 0) || ' suspended)', ''), ', ' order by email)
  from playground.accounts a
  join playground.users u using (account_id)
  where email like '%@example.com'
$$;
select is(tests.balances(), 'ann 45, bob 45, cy 25', 'what was given has arrived');

-- Refunds: own credits first, then the oldest gift.
select tests.refund(:'ann_id', 300) \g /dev/null
select is(tests.parts(:'ann_id'), array['arrived: 0 of 40', 'arrived: 0 of 20'], 'while the purchase''s own credits suffice gifts are left alone');
select tests.refund(:'ann_id', 700) \g /dev/null
select is(tests.parts(:'ann_id'), array['arrived: 0 of 40, wanted 30, next receiver', 'arrived: 0 of 20'], 'then the oldest gift is asked');
select is(tests.payment(:'ann_id'), 'owed 70, taken 70, due 0, short 0', 'and counted on');
select is(tests.balances(), 'ann 5, bob 45, cy 25', 'nothing is taken in the sender''s transaction');
select is_empty('select tests.book_errors()', 'the books hold between the steps');
select is(tests.carry(), 1, 'the receiver''s step');
select is(tests.balances(), 'ann 5, bob 15, cy 25', 'takes it');
select is((tests.ledger(:'bob_id'))[3], '3 refund -30 = 15 (gift -30)', 'visibly');
select is((description, metadata ->> 'giftId' = (select gift_id::text from playground.gifts where credits = 40))::text, '("Credits of a gift whose payment was refunded or disputed",t)', 'and says why')
from playground.transactions where account_id = :'bob_id' and number = 3;
select is(tests.parts(:'ann_id'), array['arrived: 30 of 40', 'arrived: 0 of 20'], 'that is all');
select tests.refund(:'ann_id', 1000), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 5, bob 5, cy 5', 'a full refund takes all of it');
select is(tests.payment(:'ann_id'), 'owed 100, taken 100, due 0, short 0', 'and nothing is missing');
select tests.refund(:'ann_id', 1000) \g /dev/null
select is(tests.carry(), 0, 'the same word again changes nothing');
select tests.refund(:'ann_id', 650), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 5, bob 20, cy 25', 'a lower figure gives back, the last first');
select is((tests.ledger(:'bob_id'))[5], '5 refund +15 = 20 (gift +15)', 'visibly');
select tests.refund(:'ann_id', 0), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 45, bob 45, cy 25', 'none gives back all');
select is_empty('select tests.book_errors()', 'the books hold');

-- Disputes suspend where the credits are.
select tests.dispute(:'ann_id', 700), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 45 (40 suspended), bob 45 (30 suspended), cy 25', 'a dispute suspends, at the receiver''s, too');
select is(tests.parts(:'ann_id'), array['arrived: 0 of 40, suspended 30', 'arrived: 0 of 20'], 'as the part says');
select is((select giftable from (select (engine.giftable(:'bob_id', engine.now())).credits as giftable) as g), 0::bigint, 'gifts are not given away again');
select tests.dispute(:'ann_id', 700, 'won'), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 45, bob 45, cy 25', 'won, it restores');
select is((unavailable_until = engine.now())::text, 'true', 'and keeps until when they were not to be had') from playground.grants where account_id = :'bob_id' and source = 'gift';
select tests.refund(:'ann_id', 500), tests.dispute(:'ann_id', 200), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 5, bob 35 (20 suspended), cy 25', 'a refund takes and a dispute suspends of one part');
select tests.dispute(:'ann_id', 200, 'lost'), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 5, bob 15, cy 25', 'lost, it revokes');
select tests.refund(:'ann_id', 0), tests.dispute(:'ann_id', 0, 'won'), tests.carry() \g /dev/null
select is(tests.balances(), 'ann 45, bob 45, cy 25', 'and all comes back');

-- A receiver who has spent it: the next part answers, then the sender.
create function tests.spend(p_user_id uuid, p_down_to bigint)
returns void
language plpgsql
as $$
declare
  v_account playground.accounts := engine.touch_user(p_user_id);
  v_grant record;
begin
  for v_grant in select grant_id, remaining from playground.grants where account_id = p_user_id and source = 'gift' and remaining > p_down_to loop
    perform engine.post_transaction(p_user_id, v_account.last_instant, v_account.last_instant, 'admin', 'stands for a run', array[v_grant.grant_id], array[p_down_to - v_grant.remaining]);
  end loop;
end $$;
select tests.spend(:'bob_id', 10) \g /dev/null
select is((select remaining::bigint from playground.grants where account_id = :'bob_id' and source = 'gift'), 10::bigint, 'Bob has 10 of 40 left');
select tests.refund(:'ann_id', 700) \g /dev/null
select is(tests.payment(:'ann_id'), 'owed 70, taken 70, due 0, short 0', 'until the receiver was asked he is counted on');
select is(jobs.process_gifts(), 1, 'his step takes what is there');
select is(tests.parts(:'ann_id'), array['arrived: 10 of 40, wanted 30, used up, next sender', 'arrived: 0 of 20'], 'and sends back word');
select is_empty('select tests.book_errors()', 'the books hold between the steps');
select is(jobs.process_gifts(), 1, 'the sender''s step');
select is(tests.parts(:'ann_id'), array['arrived: 10 of 40, used up', 'arrived: 0 of 20, wanted 20, next receiver'], 'asks the next part for the rest');
select tests.carry() \g /dev/null
select is(tests.payment(:'ann_id'), 'owed 70, taken 70, due 0, short 0', 'which has it');
select tests.refund(:'ann_id', 1000), tests.carry() \g /dev/null
select is(tests.payment(:'ann_id'), 'owed 100, taken 70, due 0, short 30', 'what nobody has any more is the sender''s shortfall');
select is(tests.give(:'ann_id', 'bob@example.com', 1) ->> 'refusal', 'SCG02', 'who gives nothing away until it is paid');
select tests.refund(:'ann_id', 450), tests.carry() \g /dev/null
select is(tests.parts(:'ann_id'), array['arrived: 5 of 40', 'arrived: 0 of 20'], 'a lower figure gives back to who was used up');
select is(tests.payment(:'ann_id'), 'owed 45, taken 45, due 0, short 0', 'and the shortfall ends');
select tests.refund(:'ann_id', 700), tests.carry() \g /dev/null
select is(tests.parts(:'ann_id'), array['arrived: 10 of 40, used up', 'arrived: 20 of 20'], 'the same figure as before ends in the same state');
select is_empty('select tests.book_errors()', 'the books hold');

-- What holds have is not taken.
select tests.refund(:'ann_id', 0), tests.carry() \g /dev/null
update playground.grants set held = 8 where account_id = :'bob_id' and source = 'gift';
select tests.refund(:'ann_id', 500), tests.carry() \g /dev/null
select is(tests.parts(:'ann_id'), array['arrived: 2 of 40, used up', 'arrived: 8 of 20'], 'credits that a run holds are not taken: the next part answers');
update playground.grants set held = 0 where account_id = :'bob_id';

-- Another purchase's gifts answer for nothing.
select tests.buy(:'ann_id', 50, 5), tests.advance('14 days') \g /dev/null
select tests.refund(:'ann_id', 0), tests.carry() \g /dev/null
select is(engine.take_from_gifts(:'ann_id', tests.payment_of(:'ann_id', 2), 50, 0), 0::bigint, 'gifts of another purchase are not asked');
select is(engine.take_from_gifts(:'ann_id', tests.payment_of(:'ann_id', 1), 1000, 0), 60::bigint, 'no more is counted on than was given');
select is(engine.take_from_gifts(:'ann_id', tests.payment_of(:'ann_id', 1), -5, -5), 0::bigint, 'nor less than none');
select * from finish();
rollback;
