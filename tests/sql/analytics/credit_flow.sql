begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() \g /dev/null
select is_empty('select * from analytics.credit_flow_now', 'there are no months before the first line');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select tests.buy(:'ann_id', 100, 5), admin.grant_credits(:'bob_id', 30, 'for a test', 'bonus'), admin.grant_credits(:'bob_id', 20, 'for a test') \g /dev/null
select tests.add_lot(:'bob_id', 10, '2026-12-31 12:00+00') \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'opus')) \g /dev/null
select engine.roll_up() \g /dev/null
select results_eq('select opening, signup, purchased, bonus, admin, granted, spent, closing, difference from analytics.credit_flow_now',
  $$ values (0::bigint, 10::bigint, 100::bigint, 40::bigint, 20::bigint, 170::bigint, 5::bigint, 165::bigint, 0::bigint) $$, 'a month is its lines by type');

select tests.freeze('2026-12-15 12:00:00+00') \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 40), tests.carry(), tests.give(:'ann_id', 'new@example.com', 15), tests.refund(:'ann_id', 100) \g /dev/null
select engine.roll_up() \g /dev/null
select results_eq($$ select opening, refunded, gifts_left, gifts_under_way, closing, difference from analytics.credit_flow_now where month = '2026-12-01' $$,
  $$ values (165::bigint, 20::bigint, 15::bigint, 15::bigint, 130::bigint, 0::bigint) $$, 'a gift that arrived changes nothing; one under way is nobody''s');
select tests.freeze('2027-02-10 12:00:00+00') \g /dev/null
select is((select sum(expired) from analytics.credit_flow_now), 0::numeric, 'what expired and nobody noticed is there yet');
select api.get_balance(:'bob_id'), tests.carry(), engine.roll_up() \g /dev/null
select results_eq($$ select month, expired, gifts_left, gifts_under_way, closing from analytics.credit_flow_now where month > '2026-11-01' order by month $$,
  $$ values ('2026-12-01'::timestamptz, 5::bigint, 15::bigint, 15::bigint, 125::bigint), ('2027-01-01', 0, -15, 0, 140), ('2027-02-01', 0, 0, 0, 140) $$,
  'what is noticed late belongs to the month in which it fell due; months without a line go on');
select is((select closing from analytics.credit_flow_now where month = '2027-02-01')::numeric, (select sum(last_balance) from playground.accounts), 'the last closing is what people have');
select is((select sum(difference) from analytics.credit_flow_now), 0::numeric, 'every kind of line is told');
insert into rollup.credit_months values ('2027-02-01', 'invented', 'admin', 'purchased', 'none', 3, 0, 0, 0, 0);
select is((select difference from analytics.credit_flow_now where month = '2027-02-01'), -3::bigint, 'a kind that the view does not know is a difference');
delete from rollup.credit_months where kind = 'invented';
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.credit_flow, analytics.credit_flow_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
