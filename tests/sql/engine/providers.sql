begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(50);
select tests.freeze('2026-11-20 23:59:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
create function tests.spent(p_provider text default 'anthropic')
returns text[]
language sql
as $$ select array_agg(format('%s %s', starts_at::date, trim_scale(sum)) order by starts_at) from (
  select starts_at, sum(cost_usd) from playground.provider_spend where provider = p_provider group by 1) as s $$;
create function tests.state(p_provider text default 'anthropic')
returns text
language sql
as $$ select format('%s of %s%s: %s', trim_scale(spent_usd), trim_scale(ceiling_usd), case when stops_at_ceiling then ' stops' end, coalesce(reason, 'may start')) from engine.provider_state(p_provider, engine.now()) $$;
create function tests.alerts()
returns text[]
language sql
as $$ select array_agg(format('%s %s', kind, window_starts_at::date) order by window_starts_at, kind) from playground.alerts where user_id = '00000000-0000-0000-0000-000000000000' $$;
create function tests.check(p_provider text default 'anthropic')
returns text
language sql
as $$ select coalesce((engine.provider_refusal(p_provider, 'sonnet', engine.now())).refusal_detail ->> 'reason', 'may start') $$;

-- What a provider cost.
select is(tests.spent(), null, 'nothing was spent yet');
select tests.reserve(:'ann_id') as run, tests.reserve(:'ann_id') as other, tests.reserve(:'ann_id', p_model => 'gpt-4o') as third \gset
select is(tests.spent(), null, 'what runs under way hold is not spent');
select tests.freeze('2026-11-21 00:00:01+00');
select tests.settle(:'ann_id', :'run') \g /dev/null
select is(tests.spent(), array['2026-11-20 0.00105'], 'what a run cost is spent on the day on which it began');
select tests.release(:'ann_id', :'third', 'provider_broke', '', 1000, 1000) \g /dev/null
select is(tests.spent('openai'), array['2026-11-20 0.025'], 'at the provider of its model, whether it is charged or not');
select tests.release(:'ann_id', tests.reserve(:'ann_id'), 'not_called') \g /dev/null
select is(tests.spent(), array['2026-11-20 0.00105'], 'a model that was not called cost nothing');
select tests.advance('1 hour') \g /dev/null
select api.get_balance(:'ann_id') \g /dev/null
select is((tests.spent())[1] > '2026-11-20 0.00105', true, 'what nobody settled is spent as estimated');
select tests.settle(:'ann_id', :'other') \g /dev/null
select is(tests.spent(), array['2026-11-20 0.0021'], 'until it answers late');
select engine.count_spend('sonnet', '2026-11-20 12:00:00+00', 0.5), engine.count_spend('opus', '2026-11-21 12:00:00+00', 0.25) \g /dev/null
select is(tests.spent(), array['2026-11-20 0.5021', '2026-11-21 0.25'], 'all models of a provider count together, each day by itself');
select is_empty(
  $$ select day from (select date_trunc('day', reserved_at, 'UTC') as day, sum(cost_usd) from playground.usage group by 1) as used
     where day = '2026-11-20' and sum <> 0.0271 $$,
  'the days are those of the usage');

-- Whether a run may start.
select tests.freeze('2026-11-22 12:00:00+00');
select is(tests.state(), '0 of 100: may start', 'a day begins with nothing');
select engine.count_spend('sonnet', engine.now(), 79.999999) \g /dev/null
select is(tests.check(), 'may start', 'below the ceiling');
select is(tests.alerts(), null, 'nobody is told');
select engine.count_spend('opus', engine.now(), 0.000001) \g /dev/null
select is(tests.check(), 'may start', 'near it');
select is(tests.alerts(), array['provider_spend_80: anthropic 2026-11-22'], 'operators are');
select is(details, '{"provider": "anthropic", "costUsd": 80, "limitUsd": 100, "percent": 80, "stops": false}'::jsonb, 'of what it is about') from playground.alerts where kind like 'provider_spend%';
select engine.count_spend('sonnet', engine.now(), 20) \g /dev/null
select is(tests.check(), 'may start', 'at it a run may start');
select is(tests.alerts(), array['provider_spend_100: anthropic 2026-11-22', 'provider_spend_80: anthropic 2026-11-22'], 'and operators are told once more');
select tests.check() \g /dev/null
select is(cardinality(tests.alerts()), 2, 'each once a day');
select admin.set_provider_ceiling('anthropic', null, true, 'for a test') \g /dev/null
select is(tests.state(), '100 of 100 stops: spend_ceiling', 'unless it is to stop there');
select is(
  to_jsonb(r),
  '{"refusal": "SCM02", "refusal_message": "This model is not available now.", "refusal_detail":
    {"model": "sonnet", "reason": "spend_ceiling", "resetsAt": "2026-11-23T00:00:00.000000Z", "retryAfter": 43200}}'::jsonb,
  'then a run is refused, and told until when'
)
from engine.provider_refusal('anthropic', 'sonnet', engine.now()) as r;
select is(tests.check('openai'), 'may start', 'with this provider');
select tests.freeze('2026-11-23 00:00:00+00');
select is(tests.check(), 'may start', 'until the next day');
select admin.set_provider_ceiling('anthropic', 0, null, 'for a test') \g /dev/null
select is(tests.check(), 'spend_ceiling', 'a ceiling of 0 lets nothing start');
select admin.set_provider_ceiling('anthropic', 100, false, 'for a test') \g /dev/null
select admin.set_setting('ceiling_alert_percent', '50', 'for a test'), engine.count_spend('sonnet', engine.now(), 50) \g /dev/null
select tests.check() \g /dev/null
select is('provider_spend_50: anthropic 2026-11-23' = any (tests.alerts()), true, 'operators say from where on they are told');
select admin.set_provider_enabled('anthropic', false, 'for a test') \g /dev/null
select is(tests.state(), '50 of 100: provider_disabled', 'a provider may be switched off');
select is((engine.provider_refusal('anthropic', 'opus', engine.now())).refusal_detail::jsonb, '{"model": "opus", "reason": "provider_disabled"}'::jsonb, 'until it is switched on: nobody knows when');
select is(tests.reserve(:'ann_id') ->> 'refusal', 'SCM02', 'runs are refused by it, also without limits');
select throws_ok(format('select api.estimate_run(%L, %L, null, %L, null, null, false, null)', :'ann_id', 'demo', 'Hello'), 'SCM02', null, 'estimates too');
select is(model ->> 'reason', reason, format('and the list of models says that %s is %s', alias, coalesce(reason, 'there')))
from (values ('sonnet', 'switched off'), ('gpt-4o', null)) as listed (alias, reason)
cross join lateral json_array_elements(api.list_models() -> 'models') as model
where model ->> 'alias' = alias;
-- What is under way may cost the rest of the ceiling.
select tests.freeze('2026-11-24 12:00:00+00');
select admin.set_provider_enabled('anthropic', true, 'for a test'), admin.set_provider_ceiling('anthropic', 1000, true, 'for a test') \g /dev/null
select tests.reserve(:'ann_id') as run, tests.reserve(:'ann_id') as other \gset
select trim_scale(cost_held_usd + budget_held_usd) as usd from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid \gset
select is((held_usd, spent_usd)::text, (2 * :usd, 0)::text, 'open runs count with what they may cost at most')
from (select held_usd::numeric(20, 6) as held_usd, spent_usd from engine.provider_state('anthropic', engine.now())) as s;
select is(held_usd, 0::numeric, 'at their own provider') from engine.provider_state('openai', engine.now());
create function tests.room(p_cost_usd numeric)
returns text
language sql
as $$ select coalesce(reason || ' until ' || engine.iso(resets_at), 'may start') from engine.provider_state('anthropic', engine.now(), p_cost_usd) $$;
select admin.set_provider_ceiling('anthropic', 3 * :usd, null, 'for a test') \g /dev/null
select is(tests.room(:usd), 'may start', 'a run starts that fits exactly');
select is(tests.room(:usd + 0.000001), 'spend_ceiling until 2026-11-24T12:03:10.000000Z', 'one that may pass the ceiling does not, until one of those under way has ended at the latest');
select is(tests.room(3 * :usd + 0.000001), 'spend_ceiling until 2026-11-25T00:00:00.000000Z', 'nor one that never fits, that day');
select tests.reserve(:'ann_id') as third \gset
select is(:'third'::jsonb ->> 'refusal', null, 'so three run');
select is(
  tests.reserve(:'ann_id') -> 'refusal_detail',
  '{"model": "sonnet", "reason": "spend_ceiling", "resetsAt": "2026-11-24T12:03:10.000000Z", "retryAfter": 2}'::jsonb, 'a fourth is refused, and may try again soon');
select is(details, jsonb_build_object('provider', 'anthropic', 'costUsd', 0, 'heldUsd', trim_scale(3 * :usd), 'limitUsd', trim_scale(3 * :usd), 'percent', 100, 'stops', true), 'operators hear that runs are refused, though nothing was spent yet')
from playground.alerts where kind = 'provider_spend_100: anthropic' and window_starts_at = '2026-11-24 00:00:00+00';
select is('provider_spend_50: anthropic 2026-11-24' = any (tests.alerts()), false, 'not that something was spent');
select is(tests.check(), 'spend_ceiling', 'as estimates are told');
select is((is_stopped, held_today_usd)::text, (true, trim_scale(3 * :usd))::text, 'and operators see') from admin.providers where provider = 'anthropic';
select is(tests.reserve(:'ann_id', p_model => 'gpt-4o') ->> 'refusal', null, 'another provider has room');
select tests.settle(:'ann_id', :'run') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', 'SCM02', 'what one that ended really cost stays');
select admin.set_provider_ceiling('anthropic', 3 * :usd + 0.00105, null, 'for a test') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'and no more than that');
-- Abandoned: nobody has ended it yet.
select tests.advance('1 hour') \g /dev/null
select is(tests.room(:usd), 'spend_ceiling until 2026-11-24T13:00:00.000000Z', 'a run whose hold has expired counts until somebody ends it');
select tests.settle(:'ann_id', :'other', 0, 0, p_answer => 'late') \g /dev/null
select is(tests.room(:usd), 'may start', 'and then with what it cost');
select tests.freeze('2026-11-24 23:59:59+00'), tests.reserve(:'ann_id') \g /dev/null
select tests.freeze('2026-11-25 00:00:00+00'), tests.reserve(:'ann_id') \g /dev/null
select is(trim_scale(held_usd), :usd::numeric, 'each day counts its own runs') from engine.provider_state('anthropic', engine.now());
-- A limit that leaves somebody no run comes first, whatever they have bought.
select tests.freeze('2026-11-26 12:00:00+00');
select admin.set_provider_ceiling('anthropic', 0.001, null, 'for a test'), tests.make_user() as hal_id \gset
select tests.buy(:'hal_id', 1000, 50) \g /dev/null
select count(admin.set_user_limit(:'hal_id', 'for a test', p_runs_per_hour => 0)) \g /dev/null
select is(tests.reserve(:'hal_id') ->> 'refusal', 'SCT02', 'whose runs of the hour are used up is told so, though a run would not fit below the ceiling');
select is(limit_source, 'runs_hour', 'also to operators') from admin.explain_refusal(:'hal_id');
select is_empty($$ select from playground.alerts where kind = 'provider_spend_100: anthropic' and window_starts_at = '2026-11-26 00:00:00+00' $$, 'and no operator hears that runs are refused for it');
select * from finish();
rollback;
