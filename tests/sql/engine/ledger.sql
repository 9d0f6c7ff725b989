begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(30);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select grant_id as signup_id from playground.grants where account_id = :'ann_id' \gset

-- A grant.
select is(
  engine.add_grant(
    :'ann_id', '2026-11-20 12:00:00+00', '2026-11-20 11:00:00+00', 'purchased', 'promo', 20, 'bonus', 'A promo code',
    p_expires_at => '2026-12-20 00:00:00+00', p_user_id => :'ann_id', p_metadata => '{"code": "X"}'),
  2::bigint, 'a grant answers with the number of its transaction'
);
select is(
  (bucket, source, granted, remaining, held, suspended, expires_at, expired_at, granted_at, last_number)::text,
  ('purchased', 'promo', 20, 20, 0, 0, '2026-12-20 00:00:00+00'::timestamptz, null::timestamptz, '2026-11-20 11:00:00+00'::timestamptz, 2)::text,
  'it is a lot of credits with a bucket, a source and an expiry'
)
from playground.grants where account_id = :'ann_id' and source = 'promo';
select is(
  (type, amount, balance_after, description, metadata, user_id, hold_id, session_id, purchase_id, posted_at, effective_at)::text,
  ('bonus', 20, 25, 'A promo code', '{"code": "X"}'::jsonb, :'ann_id', null::uuid, null::uuid, null::uuid, '2026-11-20 12:00:00+00'::timestamptz, '2026-11-20 12:00:00+00'::timestamptz)::text,
  'and a line of the history; when it fell due is not before the line before'
)
from playground.transactions where account_id = :'ann_id' and number = 2;
select is((last_number, last_balance)::text, '(2,25)', 'the account keeps the tail of its history') from playground.accounts where account_id = :'ann_id';
select is(next_due_at, '2026-12-20 00:00:00+00', 'and when the credits expire') from playground.accounts where account_id = :'ann_id';
select tests.add_lot(:'ann_id', 10, '2026-12-25 00:00:00+00');
select is(next_due_at, '2026-12-20 00:00:00+00', 'a later expiry does not hide an earlier one') from playground.accounts where account_id = :'ann_id';

-- Numbers without gaps, balances that add up, instants in order.
select grant_id as promo_id from playground.grants where account_id = :'ann_id' and source = 'promo' and granted = 20 \gset
select is(
  (l.number, l.balance_after, l.has_expired_rest)::text, '(4,28,f)',
  'a line answers with its number and the balance after it'
)
from engine.post_transaction(
  :'ann_id', '2026-11-20 12:00:05+00', '2026-11-20 12:00:04+00', 'spend', 'x', array[:'promo_id', :'signup_id']::bigint[], array[-6, -1]::bigint[]) as l;
select is(
  tests.ledger(:'ann_id'),
  array['1 signup +5 = 5 (signup +5)', '2 bonus +20 = 25 (promo +20)', '3 bonus +10 = 35 (promo +10)', '4 spend -7 = 28 (signup -1, promo -6)'],
  'its parts say which grants it touched'
);
select is(tests.lots(:'ann_id'), array['signup 4 of 5, held 0', 'promo 14 of 20, held 0', 'promo 10 of 10, held 0'], 'and the grants changed by just that');
select is(array_agg(last_number order by grant_id), array[4, 4, 3]::bigint[], 'each grant knows its last line') from playground.grants where account_id = :'ann_id';
select is(last_instant, '2026-11-20 12:00:05+00', 'the account knows the instant') from playground.accounts where account_id = :'ann_id';
select engine.post_transaction(
  :'ann_id', '2026-11-20 12:00:06+00', '2026-11-20 10:00:00+00', 'admin', 'x', array[:'signup_id']::bigint[], array[1]::bigint[]) \g /dev/null
select is(effective_at, '2026-11-20 12:00:04+00', 'effective_at never decreases by number') from playground.transactions where account_id = :'ann_id' and number = 5;
select is(tests.ledger(:'bob_id'), array['1 signup +5 = 5 (signup +5)'], 'another account sees nothing of it');
select is(sum(amount)::bigint, 29::bigint, 'the amounts add up to what remains')
from playground.transactions where account_id = :'ann_id' having sum(amount) = (select sum(remaining) from playground.grants where account_id = :'ann_id');

-- Held credits given back by the same line.
update playground.grants set held = 8 where account_id = :'ann_id' and grant_id = :'promo_id';
select engine.post_transaction(
  :'ann_id', '2026-11-20 12:00:06+00', '2026-11-20 12:00:06+00', 'spend', 'x', array[:'promo_id']::bigint[], array[-3]::bigint[], array[8]::bigint[]) \g /dev/null
select is((tests.lots(:'ann_id'))[2], 'promo 11 of 20, held 0', 'a line spends some of what was held and gives the rest back');
update playground.grants set suspended = 11 where account_id = :'ann_id' and grant_id = :'promo_id';
select engine.post_transaction(
  :'ann_id', '2026-11-20 12:00:06+00', '2026-11-20 12:00:06+00', 'spend', 'x', array[:'promo_id']::bigint[], array[-1]::bigint[]) \g /dev/null
select is(suspended::bigint, 10::bigint, 'no more is suspended than remains') from playground.grants where account_id = :'ann_id' and grant_id = :'promo_id';
update playground.grants set suspended = 0 where account_id = :'ann_id' and grant_id = :'promo_id';
select throws_ok(
  format('select engine.post_transaction(%L, engine.now(), engine.now(), %L, %L, array[%s]::bigint[], array[-100]::bigint[])', :'ann_id', 'spend', 'x', :'promo_id'),
  '23514', null, 'a grant never goes below nothing'
);
select throws_ok(
  format('select engine.post_transaction(%L, engine.now(), engine.now(), %L, %L, array[%s]::bigint[], array[100]::bigint[])', :'ann_id', 'admin', 'x', :'promo_id'),
  '23514', null, 'nor above what was granted'
);
select throws_ok(
  format('select engine.post_transaction(%L, engine.now(), engine.now(), %L, %L, array[%s]::bigint[], array[-1]::bigint[])', :'bob_id', 'spend', 'x', :'promo_id'),
  '23503', null, 'another account''s grant cannot be touched'
);
select throws_ok(
  format('select engine.post_transaction(%L, engine.now(), engine.now(), %L, %L, array[%s]::bigint[], array[1]::bigint[])', :'ann_id', 'spend', 'x', :'signup_id'),
  '23514', null, 'what is spent is not gained'
);

-- Rollover moves credits: amount 0, two parts.
select admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'for a test') as plan_id \gset
select grant_id as monthly_id from playground.grants where account_id = :'bob_id' and bucket = 'monthly' \gset
select engine.add_grant(
  :'bob_id', '2026-11-20 12:00:00+00', '2026-11-20 12:00:00+00', 'rollover', 'rollover', 30, 'rollover', 'x',
  p_expires_at => '2027-01-20 00:00:00+00', p_subscription_id => :'plan_id', p_from_grant_id => :'monthly_id') \g /dev/null
select is((tests.ledger(:'bob_id'))[3], '3 rollover +0 = 105 (period -30, rollover +30)', 'credits that move change no balance');
select is(tests.lots(:'bob_id'), array['signup 5 of 5, held 0', 'period 70 of 100, held 0', 'rollover 30 of 30, held 0'], 'they leave one grant for another');

-- Expiry.
update playground.grants set held = 20 where account_id = :'bob_id' and grant_id = :'monthly_id';
select engine.expire_grant(:'bob_id', :'monthly_id', '2026-12-20 12:00:09+00', '2026-12-20 12:00:00+00') \g /dev/null
select is((tests.ledger(:'bob_id'))[4], '4 expire -50 = 55 (period -50)', 'what is unheld expires, and says how much');
select is(
  (posted_at, effective_at, description)::text, ('2026-12-20 12:00:09+00'::timestamptz, '2026-12-20 12:00:00+00'::timestamptz, 'Monthly credits expired')::text,
  'with the instant of the rule beside that of the writing'
)
from playground.transactions where account_id = :'bob_id' and number = 4;
select is((remaining, held, expired_at)::text, (20, 20, '2026-12-20 12:00:00+00'::timestamptz)::text, 'what is held survives')
from playground.grants where account_id = :'bob_id' and grant_id = :'monthly_id';
select is(l.has_expired_rest, true, 'credits given back to an expired grant are told')
from engine.post_transaction(
  :'bob_id', '2026-12-20 12:01:00+00', '2026-12-20 12:01:00+00', 'spend', 'x', array[:'monthly_id']::bigint[], array[-15]::bigint[], array[20]::bigint[]) as l;
select engine.expire_grant(:'bob_id', :'monthly_id', '2026-12-20 12:01:00+00', '2026-12-20 12:01:00+00') \g /dev/null
select is((tests.ledger(:'bob_id'))[6], '6 expire -5 = 35 (period -5)', 'and expire on their own line');
select is(expired_at, '2026-12-20 12:00:00+00', 'which does not move when the grant expired') from playground.grants where account_id = :'bob_id' and grant_id = :'monthly_id';
select engine.expire_grant(:'bob_id', :'monthly_id', '2026-12-20 12:02:00+00', '2026-12-20 12:02:00+00') \g /dev/null
select is(cardinality(tests.ledger(:'bob_id')), 6, 'nothing left posts nothing');
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
