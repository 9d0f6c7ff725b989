begin;
\ir ../helpers.psql
select plan(12);
select tests.freeze('2026-11-20 12:00:00+00');

select lives_ok($$ select engine.check_webhook_secret('playground', 'sixteen-octets--', true) $$, 'a secret of 16 octets can be kept');
select lives_ok($$ select engine.check_webhook_secret('playground', null, null) $$, 'none can be told for any mode');
select throws_ok($$ select engine.check_webhook_secret('no name', 'sixteen-octets--', true) $$, 'SCD02', null, 'a name is one word');
select throws_ok($$ select engine.check_webhook_secret('playground', 'fifteen-octets-', true) $$, 'SCD02', 'A webhook secret has at least 16 octets and no blanks.', 'a short secret is refused without being repeated');
select lives_ok($$ select engine.check_stripe_price_id('price_1Abc') $$, 'an id of Stripe''s can be kept');
select throws_ok($$ select engine.check_stripe_price_id('price_1 Abc') $$, 'SCD02', null, 'an id has no blanks');

select engine.make_current('price_a', 'verified', null, 2000, 'usd') \g /dev/null
select tests.advance('1 day');
select engine.make_current('price_b', 'verified', null, 2500, 'usd') \g /dev/null
select is(array_agg((stripe_price_id, amount_cents, is_current)::text order by stripe_price_id), array['(price_a,2000,f)', '(price_b,2500,t)'], 'one id of a price is current')
from playground.stripe_prices;
select engine.make_current('price_c', null, 'small', 500, 'usd') \g /dev/null
select is(count(*), 2::bigint, 'another price has its own') from playground.stripe_prices where is_current;
select engine.make_current('price_a', 'verified', null, 2100, 'usd') \g /dev/null
select is((amount_cents, is_current, set_at)::text, (2100, true, '2026-11-20 12:00:00+00'::timestamptz)::text, 'an id that is known keeps the time it was first set')
from playground.stripe_prices where stripe_price_id = 'price_a';
select engine.make_current(null, 'verified', null, 2100, 'usd') \g /dev/null
select is(count(*), 0::bigint, 'null makes none current') from playground.stripe_prices where plan_price = 'verified' and is_current;
select throws_ok($$ select engine.make_current('price_a', 'prpm_plus_org', null, 300, 'usd') $$, 'SCD05', null, 'an id belongs to one price');
select throws_ok($$ select engine.make_current('price_a', null, 'small', 500, 'usd') $$, 'SCD05', null, 'or to one pack');
select * from finish();
rollback;
