begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(34);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset

-- The instant of a call.
select is((engine.lock_account(:'ann_id')).last_instant, '2026-11-20 12:00:00+00', 'a call takes its instant under the account''s lock');
select tests.freeze('2026-11-20 11:59:00+00');
select is((engine.lock_account(:'ann_id')).last_instant, '2026-11-20 12:00:00+00', 'which never runs backwards, whatever the system''s clock does');
select is((engine.touch_account(:'ann_id')).last_instant, '2026-11-20 12:00:00+00', 'for no door');
select is((engine.touch_user(:'ann_id')).last_instant, '2026-11-20 12:00:00+00', 'of any person');
select admin.grant_credits(:'ann_id', 1, 'for a test') \g /dev/null
select is(
  array_agg(posted_at order by number), array['2026-11-20 12:00:00+00', '2026-11-20 12:00:00+00']::timestamptz[],
  'so that times never run backwards against numbers'
)
from playground.transactions where account_id = :'ann_id';
select tests.freeze('2026-11-20 12:00:01+00');
select is((engine.touch_user(:'ann_id')).last_instant, '2026-11-20 12:00:01+00', 'and goes on when the clock does');

-- What is acknowledged is kept.
set local synchronous_commit = off;
select engine.wait_for_disk() \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'a commit waits for the disk, whatever the session says');
set local synchronous_commit = off;
select admin.grant_credits(:'ann_id', 1, 'for a test') \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'where an account was locked by a door that has returned');
set local synchronous_commit = local;
select admin.grant_credits(:'ann_id', 1, 'for a test') \g /dev/null
select is(current_setting('synchronous_commit'), 'local', 'for no other server than it was told to');

-- Who is asked for.
select throws_ok(format('select engine.lock_account(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown account is refused');
select throws_ok(format('select engine.touch_account(%L)', gen_random_uuid()), 'SCA02', null, 'by each way to it');
select throws_ok(format('select engine.touch_user(%L)', gen_random_uuid()), 'SCA02', null, 'as is an unknown person');
select throws_ok('select engine.touch_user(null)', 'SCA02', null, 'or nobody');
select tests.make_user() as gone_id \gset
update playground.users set deleted_at = engine.now(), email = null where user_id = :'gone_id';
select throws_ok(format('select engine.touch_user(%L)', :'gone_id'), 'SCA02', null, 'or a deleted one');
select is((engine.touch_account(:'gone_id')).last_balance::bigint, 5::bigint, 'whose account stays');
update playground.users set account_id = :'ann_id' where user_id = :'bob_id';
select is((engine.touch_user(:'bob_id')).account_id, :'ann_id', 'who pays may be another than who acts');
update playground.users set account_id = user_id where user_id = :'bob_id';

-- What falls due next.
select is(engine.next_due_at(:'bob_id'), 'infinity', 'credits that never expire are never due');
select tests.add_lot(:'bob_id', 7, '2026-11-20 12:05:00+00');
select is(engine.next_due_at(:'bob_id'), '2026-11-20 12:05:00+00', 'a grant is due when it expires');
select is(next_due_at, engine.next_due_at(:'bob_id'), 'and its account knows') from playground.accounts where account_id = :'bob_id';
select tests.reserve(:'bob_id') as bob_run \gset
select is(engine.next_due_at(:'bob_id'), '2026-11-20 12:03:11+00', 'a hold when its time is over');
select is(next_due_at, engine.next_due_at(:'bob_id'), 'and its account knows') from playground.accounts where account_id = :'bob_id';
select tests.settle(:'bob_id', :'bob_run') \g /dev/null
select is(engine.next_due_at(:'bob_id'), '2026-11-20 12:05:00+00', 'once it has ended it no longer is');
select tests.freeze('2026-11-20 12:04:59.999999+00');
select is((engine.touch_user(:'bob_id')).last_balance::bigint, 11::bigint, 'nothing is due before its instant');
select tests.freeze('2026-11-20 12:05:00+00');
select is((engine.touch_user(:'bob_id')).last_balance::bigint, 5::bigint, 'at its instant it is');
select is(next_due_at, 'infinity', 'and then nothing is left') from playground.accounts where account_id = :'bob_id';
select admin.set_plan(:'bob_id', 'prpm_plus_individual', '2026-12-01 00:00:00+00', 'for a test') as plan_id \gset
select is(engine.next_due_at(:'bob_id'), '2026-12-01 00:00:00+00', 'a plan to come is due when it begins');
select tests.freeze('2026-12-01 00:00:00+00');
select engine.touch_user(:'bob_id') \g /dev/null
select is(engine.next_due_at(:'bob_id'), '2027-01-01 00:00:00+00', 'then at the end of its period');
update playground.subscriptions set ends_at = '2026-12-15 00:00:00+00' where account_id = :'bob_id';
select is(engine.next_due_at(:'bob_id'), '2026-12-15 00:00:00+00', 'or where it is to end before');
update playground.subscriptions set source = 'stripe', stripe_subscription_id = 'sub_1', state_at = engine.now(), period_end = '2026-12-10 00:00:00+00' where account_id = :'bob_id';
select is(engine.next_due_at(:'bob_id'), '2027-01-01 00:00:00+00', 'a plan of Stripe goes on and ends by Stripe''s word, not by the clock: only its credits fall due');
update playground.subscriptions set suspend_at = '2026-12-10 00:00:00+00' where account_id = :'bob_id';
select is(engine.next_due_at(:'bob_id'), '2026-12-10 00:00:00+00', 'and when the grace credits of one that is past due are to be suspended');

-- The account never forgets what is due, whatever the doors do.
select tests.make_user('eve@scrip.example') as eve_id \gset
select admin.grant_credits(:'eve_id', 300, 'for a test') \g /dev/null
select admin.set_plan(:'eve_id', 'prpm_plus_individual', '2026-10-31 00:00:00+00', 'for a test') \g /dev/null
select tests.add_lot(:'eve_id', 9, '2026-12-01 00:03:00+00');
create table tests.looks (look integer, is_known boolean);
create function tests.look(p_number integer)
returns void
language sql
as $$
  insert into tests.looks
  select p_number, next_due_at <= engine.next_due_at(account_id)
  from playground.accounts
  where account_id = (select user_id from playground.user_emails where email_key = 'eve@scrip.example')
$$;
select tests.look(1), tests.reserve(:'eve_id', 'Hello', 'opus') as one \gset
select tests.look(2), tests.advance('1 minute'), tests.reserve(:'eve_id') as two \gset
select tests.look(3), tests.settle(:'eve_id', :'one'), tests.look(4), tests.advance('70 seconds'), tests.look(5), tests.release(:'eve_id', :'two'), tests.look(6) \g /dev/null
select tests.advance('1 hour'), api.get_balance(:'eve_id'), tests.look(7), tests.reserve(:'eve_id') as three \gset
select tests.look(8), tests.advance('1 day'), api.get_balance(:'eve_id'), tests.look(9), admin.end_plan(:'eve_id', true, 'for a test'), tests.look(10) \g /dev/null
select tests.advance('2 months'), api.get_balance(:'eve_id'), tests.look(11), admin.set_plan(:'eve_id', 'prpm_plus_org', null, 'for a test'), tests.look(12) \g /dev/null
select admin.end_plan(:'eve_id', false, 'for a test'), tests.look(13) \g /dev/null
select is(count(distinct look), 13::bigint, 'after each of thirteen calls') from tests.looks;
select is_empty('select look from tests.looks where not is_known', 'next_due_at is never later than what is due');

-- Burn order of the buckets.
select is(
  array(select bucket from unnest(array['purchased', 'rollover', 'monthly']) as bucket order by engine.burn_rank(bucket)),
  array['monthly', 'rollover', 'purchased'],
  'monthly credits burn first, then rollover, then purchased'
);
select isnt(engine.burn_rank('purchased'), engine.burn_rank('rollover'), 'no two buckets share a rank');
select * from finish();
rollback;
