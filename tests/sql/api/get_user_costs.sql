begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.get_user_costs(%1$L, %2$L, null, %3$L)', id, token, :'bob_id'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

select is(api.get_user_costs(:'ann_id', :'token', null, :'bob_id')::jsonb, engine.person_document(:'bob_id')::jsonb, 'what a person costs, may cost and is kept from');
select is(api.get_user_costs(:'ann_id', :'token', null, :'bob_id')::jsonb -> 'refusal', 'null', 'who would be refused nothing is told so');
select set_config('scrip.acting_user', '', true), admin.set_user_limit(:'bob_id', 'abuse', p_daily_usd => 0) \g /dev/null
select is(
  api.get_user_costs(:'ann_id', :'token', null, :'bob_id')::jsonb -> 'refusal',
  jsonb_build_object('limitSource', 'cost_day', 'wouldStart', false, 'model', 'sonnet', 'used', 0, 'limit', 0, 'resetsAt', '2026-11-21T00:00:00.000000Z', 'setBy', session_user, 'reason', 'abuse',
    'hint', format('PUT /api/v1/admin/cost-analytics/users/%s/limits with a higher dailyUsd raises it for this person; with until it ends by itself.', :'bob_id')),
  'what would refuse a run now is in the same answer: which limit, how far, until when, by whose word, why, and what helps');
select is((select count(*) from playground.audit_log where acting_user_id is not null), 0::bigint, 'to look leaves no line');
select throws_ok(format('select api.get_user_costs(%L, %L, null, %L)', :'ann_id', :'token', gen_random_uuid()), 'SCN03', null, 'of nobody there is nothing');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'bob_id';
select throws_ok(format('select api.get_user_costs(%L, %L, null, %L)', :'ann_id', :'token', :'bob_id'), 'SCN03', null, 'nor of who was deleted');
select * from finish();
rollback;
