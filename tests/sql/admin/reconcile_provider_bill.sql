begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(22);
select tests.make_package() as package_id \gset
create function tests.run_of(p_user_id uuid, p_model text, p_at timestamptz, p_is_simulated boolean, p_input bigint default 1000, p_output bigint default 0)
returns void
language plpgsql
as $$
declare
  v_run jsonb;
begin
  perform tests.freeze(p_at);
  v_run := tests.reserve(p_user_id, p_model => p_model);
  perform tests.freeze(p_at + interval '2 seconds');
  perform api.settle_run(
    p_user_id, (v_run ->> 'hold_id')::uuid, 'completed', 'Hello', 'An answer.', p_input, p_output, 0, 0, null, 'end_turn', 7, p_is_simulated);
end $$;
create function tests.reconciled(p_billed numeric, p_provider text default 'anthropic', p_day date default '2026-11-20')
returns text
language sql
as $$
  select format('%s - %s = %s, %s%%, alarm %s, simulated %s', trim_scale(billed_usd), trim_scale(recorded_usd), trim_scale(difference_usd),
    coalesce(difference_percent::text, '-'), is_alarming, trim_scale(simulated_usd))
  from admin.reconcile_provider_bill(p_provider, p_day, p_billed)
$$;
select tests.freeze('2026-11-19 12:00:00+00');
select tests.make_user_with(1000) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
-- 1,000 tokens of sonnet cost 0.003, of opus 0.015, of gpt-4o 0.005.
select tests.run_of(:'ann_id', 'sonnet', '2026-11-19 23:59:59+00', false),  -- settled on the 20th, belongs to the 19th
  tests.run_of(:'ann_id', 'sonnet', '2026-11-20 00:00:00+00', false),
  tests.run_of(:'ann_id', 'opus', '2026-11-20 12:00:00+00', false),
  tests.run_of(:'ann_id', 'gpt-4o', '2026-11-20 12:00:03+00', false),
  tests.run_of(:'ann_id', 'sonnet', '2026-11-20 23:59:59+00', true),
  tests.run_of(:'ann_id', 'sonnet', '2026-11-21 00:00:02+00', false) \g /dev/null
select tests.freeze('2026-11-21 09:00:00+00');
set local timezone = 'Pacific/Auckland';

select is(tests.reconciled(0.018), '0.018 - 0.018 = 0, 0.00%, alarm f, simulated 0.003', 'the usage of that UTC day and provider, simulated runs apart');
set local timezone = 'UTC';
select is(tests.reconciled(0.0189), '0.0189 - 0.018 = 0.0009, 5.00%, alarm f, simulated 0.003', 'as much as the setting is no alarm');
select is(count(*), 0::bigint, 'and alerts nobody') from playground.alerts where kind like 'provider_bill%';
select is(tests.reconciled(0.018900000001), '0.018900000001 - 0.018 = 0.000900000001, 5.00%, alarm t, simulated 0.003', 'the smallest amount more is one');
select is(tests.reconciled(0.0171), '0.0171 - 0.018 = -0.0009, -5.00%, alarm f, simulated 0.003', 'less is a difference too');
select is(tests.reconciled(0.017), '0.017 - 0.018 = -0.001, -5.56%, alarm t, simulated 0.003', 'and may alarm');
select is(format('%s %s %s', user_id, window_starts_at at time zone 'UTC', details ->> 'differenceUsd'),
  '00000000-0000-0000-0000-000000000000 2026-11-20 00:00:00 0.000900000001', 'the platform is alerted, once for the day and provider')
from playground.alerts where kind = 'provider_bill: anthropic';
select is(format('%s %s %s %s', trim_scale(billed_usd), trim_scale(recorded_usd), recorded_by, engine.iso(recorded_at)),
  format('0.017 0.018 %s 2026-11-21T09:00:00.000000Z', session_user), 'the last figure replaces the others')
from playground.provider_bills;
select is(array_agg(format('%s: %s -> %s', subject, before ->> 'billedUsd', after ->> 'billedUsd') order by audit_id),
  '{"anthropic 2026-11-20:  -> 0.018","anthropic 2026-11-20: 0.018 -> 0.0189","anthropic 2026-11-20: 0.0189 -> 0.018900000001","anthropic 2026-11-20: 0.018900000001 -> 0.0171","anthropic 2026-11-20: 0.0171 -> 0.017"}'::text[],
  'and each is audited')
from playground.audit_log where action = 'reconcile_provider_bill';
select is(tests.reconciled(0.005, 'openai'), '0.005 - 0.005 = 0, 0.00%, alarm f, simulated 0', 'another provider, another bill');
select is(tests.reconciled(0, 'openai', '2026-11-18'), '0 - 0 = 0, -%, alarm f, simulated 0', 'nothing is nothing');
select is(tests.reconciled(0.01, 'openai', '2026-11-18'), '0.01 - 0 = 0.01, -%, alarm t, simulated 0', 'a bill for what we know nothing of alarms');
select throws_ok(statement, code, null, statement)
from (values
  ($$ select admin.reconcile_provider_bill('openai', '2026-11-21', 1) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', null, 1) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', '-infinity', 1) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', 'infinity', 1) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', '2026-11-20', -1) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', '2026-11-20', null) $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('openai', '2026-11-20', 'NaN') $$, 'SCD02'),
  ($$ select admin.reconcile_provider_bill('nobody', '2026-11-20', 1) $$, 'SCD04'),
  ($$ select admin.reconcile_provider_bill('openai', '2026-11-20', 1, ' ') $$, 'SCD03')) as listed (statement, code);
select engine.write_audit('retire_months', '00000000-0000-0000-0000-000000000000', null, '{}', '{"usage": "2026-11-20T00:00:00Z"}', 'for a test') \g /dev/null
select throws_ok($$ select admin.reconcile_provider_bill('openai', '2026-11-19', 1) $$, 'SCD02', null, 'a day whose usage is not kept cannot be compared');
select * from finish();
rollback;
