begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(18);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select is((engine.giftable(:'ann_id', engine.now()))::text, '(0,,,,)', 'who bought nothing has nothing to give');
select tests.buy(:'ann_id', 100, 5), tests.advance('1 hour') \g /dev/null
select tests.buy(:'ann_id', 50, 5), tests.buy(:'ann_id', 30, 5), tests.advance('13 days 23 hours') \g /dev/null
select is((engine.giftable(:'ann_id', engine.now())).credits, 100::bigint, 'a purchase can be given when it is as old as gift_age');
select tests.advance('1 hour') \g /dev/null
select is((engine.giftable(:'ann_id', engine.now())).free, array[100, 50, 30]::bigint[], 'the oldest first');
select results_eq(
  format('select (engine.giftable(%L, engine.now())).purchase_ids', :'ann_id'),
  format('select array_agg(purchase_id order by grant_id) from playground.grants where account_id = %L and source = %L', :'ann_id', 'purchase'),
  'each with its purchase'
);
select results_eq(
  format('select (engine.giftable(%L, engine.now())).payment_intent_ids', :'ann_id'),
  format('select array_agg(payment_intent_id order by grant_id) from playground.grants join playground.payments using (account_id, purchase_id) where account_id = %L', :'ann_id'),
  'and its payment'
);
update playground.grants set held = 60, suspended = 50 where account_id = :'ann_id' and granted = 100;
update playground.grants set held = 10, suspended = 5 where account_id = :'ann_id' and granted = 50;
select is((engine.giftable(:'ann_id', engine.now())).free, array[35, 30]::bigint[], 'what is held or suspended is not given, twice bound is not less than none');
update playground.grants set held = 0, suspended = 0 where account_id = :'ann_id';
select admin.set_setting('gift_age', '20 days', 'for a test') \g /dev/null
select is((engine.giftable(:'ann_id', engine.now())).credits, 0::bigint, 'the age is a setting');
select admin.set_setting('gift_age', '0', 'for a test'), admin.set_setting('gifts_per_day', '1', 'for a test') \g /dev/null

select is(engine.sender_name(:'ann_id'), 'ann@example.com', 'a sender is named by the address');
update playground.users set username = 'Ann' where user_id = :'ann_id';
select is(engine.sender_name(:'ann_id'), 'Ann', 'or by the name, if there is one');
select is(engine.sender_name(gen_random_uuid()), 'Somebody', 'who is gone has none');

select is(refusal, null, 'nothing stands against as much as is giftable') from engine.gift_refusal(:'ann_id', :'ann_id', 180, 180, engine.now());
select is(refusal || ' ' || refusal_detail, 'SCG01 {"giftable" : 180, "credits" : 181}', 'one more is refused') from engine.gift_refusal(:'ann_id', :'ann_id', 181, 180, engine.now());
select tests.give(:'ann_id', 'bob@example.com', 120) \g /dev/null
select is(refusal || ' ' || refusal_detail, 'SCG03 {"retryAfter" : 86400}', 'so many gifts a day as the setting says') from engine.gift_refusal(:'ann_id', :'ann_id', 1, 60, engine.now());
select is(refusal, null, 'of each person on an account') from engine.gift_refusal(:'ann_id', :'bob_id', 1, 60, engine.now());
select is((engine.giftable(:'ann_id', engine.now())).free, array[30, 30]::bigint[], 'what was given is not there any more');

-- One side waits for the other.
select lives_ok(format('select engine.lock_gifts_of(%L)', :'ann_id'), 'gifts are locked');
select lives_ok($$ select engine.lock_address(' Bob@example.com'), engine.lock_address('bob@example.com') $$, 'an address is locked, however it is written');
select is((select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
  and (classid::bigint << 32 | objid::bigint) = hashtextextended('scrip address bob@example.com', 0)), 1::bigint, 'as one');
select * from finish();
rollback;
