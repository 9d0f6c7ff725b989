begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(5);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select tests.buy(:'ann_id', 100, 5), tests.advance('15 days') \g /dev/null
select count(tests.give(:'ann_id', 'bob@example.com', n)) from generate_series(1, 5) as n \g /dev/null

select is(api.process_gift_steps(3), 3, 'so many steps are done as asked for');
select is(api.process_gift_steps(), 2, 'then the rest');
select is(api.process_gift_steps(), 0, 'until nothing is left');
select is((select last_balance::bigint from playground.accounts where account_id = :'bob_id'), 20::bigint, 'all gifts have arrived');
select is_empty('select tests.book_errors()', 'the books hold');
select * from finish();
rollback;
