begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select admin.set_model_price('opus', 12, 60, 'cheaper', '2026-12-01 00:00:00+00') \g /dev/null
create function tests.opus()
returns text
language sql
as $$
  select format('%s/%s since %s, next %s', trim_scale(input_usd_per_million), trim_scale(output_usd_per_million), engine.iso(price_effective_from), engine.iso(next_price_from))
  from admin.models where model = 'opus'
$$;
select is(tests.opus(), '15/75 since 2025-01-01T00:00:00.000000Z, next 2026-12-01T00:00:00.000000Z', 'the price now, and when the next one begins');
select tests.freeze('2026-12-01 00:00:00+00');
select is(tests.opus(), '12/60 since 2026-12-01T00:00:00.000000Z, next ', 'from that instant on');
select tests.freeze('2024-12-31 00:00:00+00');
select is(tests.opus(), '/ since , next 2025-01-01T00:00:00.000000Z', 'a model without a price is shown without');
select is(count(*), (select count(*) from playground.models), 'each model once') from admin.models;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.models') $$, 'operators read it');
select * from finish();
rollback;
