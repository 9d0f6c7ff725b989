begin;
\ir ../helpers.psql
select plan(27);
select tests.freeze('2026-11-20 12:00:00+00');

create function tests.prices()
returns text
language sql
as $$
  select string_agg(format('%s:%s:%s%s', stripe_price_id, amount_cents, currency, case when is_current then '!' end), ' ' order by stripe_price_id)
  from playground.stripe_prices where plan_price = 'prpm_plus_individual'
$$;
create function tests.cents()
returns bigint
language sql
as $$ select amount_cents from playground.plan_prices where plan_price = 'prpm_plus_individual' $$;

select admin.set_plan_price('prpm_plus_individual', 'price_a', 'first') \g /dev/null
select is(tests.prices(), 'price_a:600:usd!', 'an id charges what the plan costs, unless told otherwise');
select is((actor, subject, before, after, reason)::text,
  (session_user, 'prpm_plus_individual', '{"amountCents": 600, "stripePriceId": null}', '{"amountCents": 600, "stripePriceId": "price_a"}', 'first')::text,
  'who, which, before, after and why are kept')
from playground.audit_log where action = 'set_plan_price';
select admin.set_plan_price('prpm_plus_individual', 'price_a', 'again') \g /dev/null
select is(count(*), 1::bigint, 'the same again leaves no line') from playground.audit_log;

select admin.set_plan_price('prpm_plus_individual', 'price_b', 'dearer', 700) \g /dev/null
select is(tests.prices(), 'price_a:600:usd price_b:700:usd!', 'the id before stays, with what it charges');
select is(tests.cents(), 700::bigint, 'new subscribers are told the new amount');
select admin.set_plan_price('prpm_plus_individual', 'price_b', 'again', 700) \g /dev/null
select is(count(*), 2::bigint, 'the same id and amount again leave no line') from playground.audit_log;
select admin.set_plan_price('prpm_plus_individual', 'price_a', 'back') \g /dev/null
select is(tests.prices(), 'price_a:600:usd! price_b:700:usd', 'an id that is known comes back');
select is(tests.cents(), 600::bigint, 'with its own amount');
select admin.set_plan_price('prpm_plus_individual', 'price_a', 'a slip', 650) \g /dev/null
select is(tests.prices(), 'price_a:650:usd! price_b:700:usd', 'an amount that was told wrong is put right');
select is(tests.cents(), 650::bigint, 'in both places');
select is((before, after)::text, ('{"amountCents": 600, "stripePriceId": "price_a"}', '{"amountCents": 650, "stripePriceId": "price_a"}')::text, 'and leaves a line')
from playground.audit_log where reason = 'a slip';

select throws_ok($$ select admin.set_plan_price('prpm_plus_org', 'price_b', 'x') $$, 'SCD05', null, 'an id belongs to one plan price, also when it is not current');
select admin.set_pack_price('small', 'price_pack', 'x') \g /dev/null
select throws_ok($$ select admin.set_plan_price('prpm_plus_org', 'price_pack', 'x') $$, 'SCD05', null, 'and never to a pack as well');
select throws_ok($$ select admin.set_plan_price('no_such_plan', 'price_c', 'x') $$, 'SCD04', null, 'the plan price must be known');
select throws_ok($$ select admin.set_plan_price(null, 'price_c', 'x') $$, 'SCD04', null, 'and named');
select throws_ok(format('select admin.set_plan_price(%L, %L, %L, %L::bigint)', 'prpm_plus_individual', id, 'x', cents), 'SCD02', null, format('%L for %L cents cannot be', id, cents))
from (values (null, '600'), ('', null), ('price c', null), (E'price_c\n', null), (repeat('x', 256), null), ('price_c', '-1')) as listed (id, cents);
select throws_ok($$ select admin.set_plan_price('prpm_plus_individual', 'price_c', ' ') $$, 'SCD03', null, 'a reason must be given');
select is(tests.prices(), 'price_a:650:usd! price_b:700:usd', 'what is refused changes nothing');

select admin.set_plan_price('prpm_plus_individual', null, 'sold out') \g /dev/null
select is(tests.prices(), 'price_a:650:usd price_b:700:usd', 'null leaves none current');
select is(tests.cents(), 650::bigint, 'and the amount as it is');
select is((before, after)::text, ('{"amountCents": 650, "stripePriceId": "price_a"}', '{"amountCents": 650, "stripePriceId": null}')::text, 'which is audited')
from playground.audit_log where reason = 'sold out';
select admin.set_plan_price('prpm_plus_individual', null, 'again') \g /dev/null
select is_empty($$ select from playground.audit_log where reason = 'again' and after ->> 'stripePriceId' is null $$, 'once');
select * from finish();
rollback;
