begin;
\ir ../helpers.psql
select plan(14);
select tests.freeze('2026-11-20 12:00:00+00');

create function tests.prices()
returns text
language sql
as $$
  select string_agg(format('%s:%s:%s%s', stripe_price_id, amount_cents, currency, case when is_current then '!' end), ' ' order by stripe_price_id)
  from playground.stripe_prices where pack = 'medium'
$$;

select admin.set_pack_price('medium', 'price_a', 'first') \g /dev/null
select is(tests.prices(), 'price_a:1000:usd!', 'an id charges what its pack costs');
select is((actor, subject, before, after, reason)::text,
  (session_user, 'medium', '{"stripePriceId": null}', '{"amountCents": 1000, "stripePriceId": "price_a"}', 'first')::text,
  'who, which, before, after and why are kept')
from playground.audit_log where action = 'set_pack_price';
update playground.packs set price_cents = 1200 where pack = 'medium';
select admin.set_pack_price('medium', 'price_a', 'again') \g /dev/null
select is(tests.prices(), 'price_a:1000:usd!', 'the same again changes nothing: Stripe''s prices keep their amounts when a pack''s price moves');
select is(count(*), 1::bigint, 'and leaves no line') from playground.audit_log;
select admin.set_pack_price('medium', 'price_b', 'dearer') \g /dev/null
select is(tests.prices(), 'price_a:1000:usd price_b:1200:usd!', 'the id before stays, with what it charges');
select admin.set_pack_price('medium', 'price_a', 'back') \g /dev/null
select is(tests.prices(), 'price_a:1000:usd! price_b:1200:usd', 'and comes back with that');

select throws_ok($$ select admin.set_pack_price('large', 'price_b', 'x') $$, 'SCD05', null, 'an id belongs to one pack');
select admin.set_plan_price('prpm_plus_org', 'price_plan', 'x') \g /dev/null
select throws_ok($$ select admin.set_pack_price('large', 'price_plan', 'x') $$, 'SCD05', null, 'and never to a plan as well');
select throws_ok(format('select admin.set_pack_price(%L, %L, %L)', pack, 'price_c', 'x'), 'SCD04', null, format('there is no pack %L', pack))
from (values ('huge'), (null)) as listed (pack);
select throws_ok(format('select admin.set_pack_price(%L, %L, %L)', 'large', id, 'x'), 'SCD02', null, format('%L is no id', id))
from (values (''), (' ')) as listed (id);
select throws_ok($$ select admin.set_pack_price('large', 'price_c', null) $$, 'SCD03', null, 'a reason must be given');
select admin.set_pack_price('medium', null, 'by its amount') \g /dev/null
select is(tests.prices(), 'price_a:1000:usd price_b:1200:usd', 'null leaves none current');
select * from finish();
rollback;
