begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
insert into playground.provider_spend values
  ('openai', '2026-11-20 00:00:00+00', 1, 60), ('openai', '2026-11-20 00:00:00+00', 2, 40), ('openai', '2026-11-19 00:00:00+00', 1, 7);
insert into playground.provider_bills values
  ('openai', '2026-11-18 00:00:00+00', 1, 2, 'me', engine.now()), ('openai', '2026-11-19 00:00:00+00', 7.1, 7, 'me', engine.now());
create function tests.openai()
returns text
language sql
as $$
  select format('%s of %s, stopped %s, bill of %s: %s, ours %s', trim_scale(spent_today_usd), trim_scale(daily_ceiling_usd), is_stopped,
    to_char(last_bill_of at time zone 'UTC', 'YYYY-MM-DD'), trim_scale(last_billed_usd), trim_scale(last_recorded_usd))
  from admin.providers where provider = 'openai'
$$;
select is(tests.openai(), '100 of 100, stopped f, bill of 2026-11-19: 7.1, ours 7', 'the spend of today in all its parts, the last bill');
update playground.providers set stops_at_ceiling = true;
select is(tests.openai(), '100 of 100, stopped t, bill of 2026-11-19: 7.1, ours 7', 'stopped at its ceiling');
select tests.freeze('2026-11-21 00:00:00+00');
select is(tests.openai(), '0 of 100, stopped f, bill of 2026-11-19: 7.1, ours 7', 'until the next UTC day');
select is(count(*), (select count(*) from playground.providers), 'each provider once') from admin.providers;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.providers') $$, 'operators read it');
select * from finish();
rollback;
