begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(54);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user_with(1000) as bob_id \gset
create function tests.explain(p_user_id uuid, p_model text default null)
returns text
language sql
as $$
  select format('%s: %s of %s until %s by %s: %s', coalesce(limit_source, 'starts'), used, limit_value, left(engine.iso(resets_at), 16), set_by, reason)
  from admin.explain_refusal(p_user_id, p_model)
$$;
create function tests.refused_by(p_user_id uuid, p_model text default null)
returns text
language sql
as $$
  select case r ->> 'refusal'
    when 'SCT01' then 'operator' when 'SCT02' then r -> 'refusal_detail' ->> 'limitSource' when 'SCM02' then 'provider' when 'SCC01' then 'credits' end
  from tests.reserve(p_user_id, p_user_input => 'x', p_model => p_model, p_use_no_prompt => true) as r
$$;
comment on function tests.refused_by(uuid, text) is 'What refuses the smallest run, by the word of api.reserve_run itself.';
-- Does what helps, and says what then refuses.
create function tests.help(p_user_id uuid, p_model text default null)
returns text
language plpgsql
as $$
begin
  execute (select what_helps from admin.explain_refusal(p_user_id, p_model));
  return (select coalesce(limit_source, 'starts') from admin.explain_refusal(p_user_id, p_model));
end $$;

select is(
  to_jsonb(e),
  '{"would_start": true, "model": "sonnet", "limit_source": null, "used": null, "limit_value": null, "resets_at": null, "set_by": null, "reason": null,
    "what_helps": null, "models_that_start": ["sonnet", "opus", "gpt-4o", "gpt-4o-mini", "gpt-4-turbo"]}'::jsonb,
  'who is not refused would start, with each model'
)
from admin.explain_refusal(:'ann_id') as e;

-- By an operator.
select admin.throttle(:'ann_id', 'looks like a robot', '2026-11-21 00:00:00+00') \g /dev/null
select is(
  to_jsonb(e),
  jsonb_build_object('would_start', false, 'model', 'sonnet', 'limit_source', 'operator', 'used', null, 'limit_value', null, 'resets_at', '2026-11-21T00:00:00+00:00',
    'set_by', session_user, 'reason', 'looks like a robot', 'what_helps', format('select admin.unthrottle(%L, %L);', :'ann_id', 'why'), 'models_that_start', '[]'::jsonb),
  'a throttle is told with who set it, why, until when, and the statement that ends it'
)
from admin.explain_refusal(:'ann_id') as e;
select is(tests.refused_by(:'ann_id'), 'operator', 'as runs are');
select is(tests.help(:'ann_id'), 'starts', 'which helps');

-- By a provider.
select admin.set_provider_enabled('anthropic', false, 'doubled its prices') \g /dev/null
select is(tests.explain(:'ann_id'), format('provider:  of  until  by %s: doubled its prices', session_user), 'a provider that is switched off');
select is(array_to_string(models_that_start, ','), 'gpt-4o,gpt-4o-mini,gpt-4-turbo', 'others would start') from admin.explain_refusal(:'ann_id');
select is(tests.refused_by(:'ann_id'), 'provider', 'as runs do');
select is(tests.help(:'ann_id'), 'starts', 'the statement switches it on');
select tests.settle(:'bob_id', tests.reserve(:'bob_id')) \g /dev/null
select admin.set_provider_ceiling('anthropic', 0.001, true, 'only for tests') \g /dev/null
select is(tests.explain(:'ann_id'), format('provider: 0.00105 of 0.001 until 2026-11-21T00:00 by %s: only for tests', session_user), 'a provider that has cost its ceiling');
select is(tests.refused_by(:'ann_id'), 'provider', 'stops runs');
select is(tests.help(:'ann_id'), 'starts', 'the statement raises it');

-- By a model.
select admin.set_model_enabled('opus', false, 'for a test') \g /dev/null
select is(tests.explain(:'ann_id', 'opus'), 'model:  of  until  by : ', 'a model that is switched off');
select is(tests.help(:'ann_id', 'opus'), 'starts', 'the statement switches it on');
insert into playground.models (model, provider, provider_model, multiplier, position) values ('next', 'openai', 'gpt-next', 1, 6);
select is((limit_source, what_helps)::text, '(model,"The model has no price yet: admin.set_model_price(''next'', ...).")', 'a model without a price')
from admin.explain_refusal(:'ann_id', 'next');

-- By the tier.
select tests.refused_by(:'ann_id', 'gpt-4o-mini') from generate_series(1, 10) \g /dev/null
select is(tests.explain(:'ann_id'), 'runs_hour: 10 of 10 until 2026-11-20T13:00 by : ', 'the hour''s runs, as delivered');
select is(tests.refused_by(:'ann_id'), 'runs_hour', 'as runs are refused');
select is(tests.help(:'ann_id', 'gpt-4o-mini'), 'starts', 'the statement gives this person more for a day');
select is((runs_per_hour, ends_at)::text, '(20,"2026-11-21 12:00:00+00")', 'twice as many') from playground.user_limits where user_id = :'ann_id';
select admin.set_limits('free', null, null, null, 'a noisy tier', 10) \g /dev/null
select is(tests.explain(:'ann_id'), format('runs_concurrent: 10 of 10 until 2026-11-20T12:03 by %s: a noisy tier', session_user), 'too many at once, by an operator''s word about the tier');
select is(tests.refused_by(:'ann_id'), 'runs_concurrent', 'refuses runs');
select is(tests.help(:'ann_id', 'gpt-4o-mini'), 'starts', 'the statement lets more start');
select is((runs_per_hour, concurrent_runs)::text, '(20,20)', 'and keeps what was raised before') from playground.user_limits where user_id = :'ann_id';
select tests.advance('1 hour') \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'sonnet'), p_output => 4096), tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'sonnet'), p_output => 2300) \g /dev/null
select is(tests.explain(:'bob_id'), 'cost_day: 0.09759 of 0.1 until 2026-11-21T00:00 by : ', 'the day''s cost');
select is(array_to_string(models_that_start, ','), 'gpt-4o-mini', 'cheaper models may still start') from admin.explain_refusal(:'bob_id');
select is(tests.refused_by(:'bob_id'), 'cost_day', 'as runs do');
select admin.set_user_limit(:'bob_id', 'abuse', p_monthly_usd => 0) \g /dev/null
select is(tests.explain(:'bob_id'), format('cost_month: 0.09759 of 0 until 2026-12-01T00:00 by %s: abuse', session_user), 'a limit of this person''s is told as such');
select is(tests.help(:'bob_id'), 'cost_day', 'one limit after the other');
select is(tests.help(:'bob_id'), 'starts', 'is helped');
select admin.set_limits('free', null, null, null, 'closed', p_is_active => false) \g /dev/null
select is(tests.explain(:'bob_id'), format('runs_hour: 2 of  until 2026-11-20T14:00 by %s: closed', session_user), 'a tier that is not active');
select admin.set_user_limit(:'bob_id', 'more of it', p_runs_per_hour => 50) \g /dev/null
select is(tests.explain(:'bob_id'), format('runs_hour: 2 of  until 2026-11-20T14:00 by %s: closed', session_user), 'whatever limit of its kind the person was given');
select is(tests.refused_by(:'bob_id'), 'runs_hour', 'refuses runs');
select is(tests.help(:'bob_id'), 'starts', 'the statement activates it');
select admin.set_limits('free', null, 0, null, 'shadow', p_throttle_on_exceed => false) \g /dev/null
select tests.make_user_with(20) as eve_id \gset
select is(tests.explain(:'eve_id'), 'starts:  of  until  by : ', 'limits that refuse nobody are no reason');

-- By the person, and for want of credits.
select api.set_cost_cap(:'eve_id', 0.001) \g /dev/null
select is(tests.explain(:'eve_id'), 'own_cap: 0 of 0.001 until 2026-12-01T00:00 by the person: ', 'a person''s own cap');
select is(tests.refused_by(:'eve_id'), 'own_cap', 'refuses runs');
select api.set_cost_cap(:'eve_id', null) \g /dev/null
select tests.make_user() as joe_id \gset
select tests.refused_by(:'joe_id', 'opus') \g /dev/null
select is(tests.explain(:'joe_id', 'opus'), 'credits: 5 of 0 until  by : ', 'too few credits: needed, of those available');
select is(tests.refused_by(:'joe_id', 'opus'), 'credits', 'as runs are told');
select tests.advance('1 hour') \g /dev/null
select is(tests.explain(:'joe_id', 'opus'), 'starts:  of  until  by : ', 'what fell due is done first: an abandoned run holds nothing any more');
select tests.settle(:'joe_id', tests.reserve(:'joe_id', p_model => 'opus')) \g /dev/null
select is(tests.help(:'joe_id', 'opus'), 'starts', 'the statement grants the missing credits');

-- A small run would start, and a larger one was refused.
select admin.set_limits('free', 0.5, 0.1, 10, 'as delivered', p_throttle_on_exceed => true, p_is_active => true) \g /dev/null
select tests.make_user_with(100) as mia_id \gset
select tests.settle(:'mia_id', tests.reserve(:'mia_id'), p_output => 4096) \g /dev/null
select is(tests.explain(:'mia_id', 'opus'), 'starts:  of  until  by : ', 'who was refused nothing yet hears of nothing');
select is(tests.reserve(:'mia_id', tests.text_of(3000), 'opus') -> 'refusal_detail' ->> 'limitSource', 'cost_day', 'a larger run is refused');
select is(
  to_jsonb(e) - '{set_by,reason,models_that_start}'::text[],
  jsonb_build_object('would_start', true, 'model', 'opus', 'limit_source', 'cost_day', 'used', 0.06174, 'limit_value', 0.1, 'resets_at', '2026-11-21T00:00:00+00:00',
    'what_helps', format('A small run would start; a larger one was first refused at 2026-11-20 14:00 UTC. To let it: select admin.set_user_limit(%L, %L, %L, p_daily_usd => 1);',
      :'mia_id', 'why', '2026-11-21T14:00:00.000000Z')),
  'a small one would start, and the limit that refused the larger one is named, with what helps'
)
from admin.explain_refusal(:'mia_id', 'opus') as e;
select is((set_by, reason)::text, (session_user, 'as delivered')::text, 'who set it, and why') from admin.explain_refusal(:'mia_id', 'opus');
select is(tests.refused_by(:'mia_id', 'sonnet'), null, 'a small one does start');
create function tests.help_larger(p_user_id uuid)
returns void
language plpgsql
as $$
begin
  execute (select substring(what_helps from 'select .*') from admin.explain_refusal(p_user_id));
end $$;
select tests.help_larger(:'mia_id') \g /dev/null
select is(tests.explain(:'mia_id', 'opus'), 'starts:  of  until  by : ', 'once the limit is raised, it is named no more');
select is(tests.reserve(:'mia_id', tests.text_of(3000), 'opus') -> 'refusal', 'null', 'and the larger run starts');
select tests.advance('1 day') \g /dev/null
select tests.settle(:'mia_id', tests.reserve(:'mia_id'), p_output => 4096), tests.reserve(:'mia_id', tests.text_of(3000), 'opus') \g /dev/null
select is(tests.explain(:'mia_id') like 'cost_day: 0.06174 of 0.1 until 2026-11-22T00:00 %', true, 'the next day refuses anew');
select tests.advance('10 hours') \g /dev/null
select is(tests.explain(:'mia_id'), 'starts:  of  until  by : ', 'a window that has ended is no reason any more');

-- An admin who asked over HTTP is shown by address.
select engine.act_as(tests.make_user('eve@scrip.example'), 'req-1'), admin.throttle(:'mia_id', 'by eve') \g /dev/null
select is(tests.explain(:'mia_id'), 'operator:  of  until  by eve@scrip.example: by eve', 'who did it is an address, where it was an admin');
select set_config('scrip.acting_user', '', true) \g /dev/null

select throws_ok(format('select admin.explain_refusal(%L, %s)', :'ann_id', arguments), code, null, about)
from (values ('null, -1', 'SCD02', 'no input is negative'), ('null, 9223372036854775807', 'SCD02', 'nor larger than any'), ('''gpt-9''', 'SCD04', 'an unknown model is refused')) as listed (arguments, code, about);
select throws_ok(format('select admin.explain_refusal(%L)', gen_random_uuid()), 'SCD04', null, 'an unknown person is refused');
create temporary table written as select (select count(*) from playground.alerts) as alerts, (select count(*) from playground.holds) as holds, (select count(*) from playground.audit_log) as lines;
select admin.throttle(:'ann_id', 'once more') \g /dev/null
update written set lines = lines + 1;
select tests.explain(user_id) from unnest(array[:'ann_id', :'bob_id', :'eve_id', :'joe_id']::uuid[]) as user_id \g /dev/null
select results_eq(
  $$ select (select count(*) from playground.alerts), (select count(*) from playground.holds), (select count(*) from playground.audit_log) $$,
  'select alerts, holds, lines from written', 'asking writes nothing: no alert, no hold, no line');
select * from finish();
rollback;
