begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(50) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
create function tests.explained(p_run jsonb)
returns table (explanation text, prices text, cost text)
language sql
as $$
  select e.explanation, format('%s/%s', trim_scale(e.input_usd_per_million), trim_scale(e.output_usd_per_million)), trim_scale(e.cost_usd)::text
  from playground.holds h
  cross join lateral engine.explained_charge(h) as e
  where h.hold_id = (p_run ->> 'hold_id')::uuid
$$;
select tests.reserve(:'ann_id') as other, tests.reserve(:'ann_id') as abandoned, tests.reserve(:'ann_id') as silent \gset
select tests.reserve(:'ann_id') as uncalled \gset
select tests.advance('1 second') \g /dev/null
select tests.settle(:'ann_id', :'other', 1000, 1000, p_answered_model => 'claude-opus-4-6') \g /dev/null
select is(e::text, '("2000 tokens are 1 step(s) of 5000; x multiplier 1, rounded up, at least 1 = 1 credit(s).",15/75,0.09)',
  'another model that answered: the multiplier of the one asked for, the price of the one that answered')
from tests.explained(:'other') as e;
select tests.settle(:'ann_id', :'silent', 10, 0, p_outcome => 'client_gone', p_answer => '') \g /dev/null
select is(explanation, 'Ended before anything was delivered (client_gone): nothing is charged.', 'nothing was delivered') from tests.explained(:'silent');
select tests.release(:'ann_id', :'uncalled', 'not_called') \g /dev/null
select is(e::text, '("Given back before a model was called: nothing is charged.",3/15,)', 'no model was called: no cost') from tests.explained(:'uncalled') as e;
select tests.advance('10 minutes'), api.get_balance(:'ann_id') \g /dev/null
select is(explanation, 'Ended without an answer that counts (abandoned): nothing is charged.', 'nobody settled it') from tests.explained(:'abandoned');

alter table playground.usage disable trigger user;
delete from playground.usage;
select is(e::text, '("1 credit(s) charged of 1 held; its usage is not kept any more.",3/15,)', 'after its month is gone the ledger still tells the charge') from tests.explained(:'other') as e;
select is(grants #>> '{0,paid}', '1', 'and which grant paid it')
from playground.holds h cross join lateral engine.explained_charge(h) as e where h.hold_id = (:'other'::jsonb ->> 'hold_id')::uuid;

-- Why one does not start: as admin.explain_refusal says it, but for who set the limit.
select tests.make_user('eve@scrip.example') as eve_id \gset
select engine.act_as(:'eve_id', 'req-1'), admin.throttle(:'ann_id', 'by eve') \g /dev/null
select is((limit_source, set_by, reason)::text, ('operator', :'eve_id', 'by eve')::text, 'an admin is named by id') from engine.explained_refusal(:'ann_id', null, 1);
select is(set_by, 'eve@scrip.example', 'whom operators read by address') from admin.explain_refusal(:'ann_id');
select is(
  (select to_jsonb(e) - 'set_by' from engine.explained_refusal(:'ann_id', 'opus', 5) as e), (select to_jsonb(e) - 'set_by' from admin.explain_refusal(:'ann_id', 'opus', 5) as e),
  'all else is the same');
select * from finish();
rollback;
