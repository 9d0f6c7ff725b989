begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(6);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select tests.buy(:'ann_id', 100, 10), admin.create_promo_code('welcome', 50, 10, null, 'for a test'), tests.advance('15 days') \g /dev/null
select * from api.redeem_code(:'bob_id', 'welcome', null, null, tests.token_of(:'bob_id')) \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 40), tests.carry(), tests.refund(:'ann_id', 1000), tests.carry(), tests.refund(:'ann_id', 0), tests.carry() \g /dev/null
select tests.give(:'ann_id', 'new@example.com', 20), tests.advance('30 days'), tests.carry() \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 5), tests.give(:'ann_id', 'new@example.com', 5) \g /dev/null
select is_empty('select * from engine.verify_gifts(null)', 'gifts that arrived, came back, wait or are under way are sound');
select is_empty('select * from engine.verify_gifts(engine.now())', 'and those of whoever was touched since an instant');

update playground.gifts set credits = credits + 1 where account_id = :'ann_id' and state = 'arrived';
select set_eq('select invariant, account_id from engine.verify_gifts(null)', format($$ values ('gift_is_its_parts', %1$L::uuid), ('gift_has_its_lines', %1$L), ('gift_has_its_lines', %2$L) $$, :'ann_id', :'bob_id'), 'a gift of more than its parts is named on both sides');
select tests.advance('1 hour') \g /dev/null
select is_empty('select * from engine.verify_gifts(engine.now())', 'what changed before is not read again');
update playground.gifts set credits = credits - 1 where account_id = :'ann_id' and state = 'arrived';
update playground.promo_codes set redemptions = 0;
select results_eq('select invariant, account_id from engine.verify_gifts(null)', $$ values ('code_counts_its_redemptions', null::uuid) $$, 'a code counts its redemptions');
select is_empty('select * from engine.verify_gifts(engine.now() - interval ''1 year'')', 'which is read with everything only');
select * from finish();
rollback;
