begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(49);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as ann_token, tests.token_of(:'bob_id') as bob_token \gset

select lives_ok(format('select engine.check_admin(%L, %L, %L)', :'ann_id', :'ann_token', 'request-1'), 'an admin with a token of their own may act');
select is(current_setting('scrip.acting_user') || ' ' || current_setting('scrip.request_id'), :'ann_id' || ' request-1', 'who acts, and in which request, is known from here on');
select engine.write_audit('test', :'bob_id', null, null, null, 'because') \g /dev/null
select is((acting_user_id, request_id)::text, (:'ann_id', 'request-1')::text, 'and kept with what is changed') from playground.audit_log where action = 'test';
select throws_ok(format('select engine.check_admin(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who says to be one with a token of another'),
  (:'ann_id', null, 'SCA01', 'or with none'),
  (gen_random_uuid()::text, :'ann_token', 'SCA01', 'or is not who the token names')
) as listed (id, token, code, why);
select admin.set_admin(:'ann_id', false, 'no longer') \g /dev/null
select throws_ok(format('select engine.check_admin(%L, %L, null)', :'ann_id', :'ann_token'), 'SCA07', null, 'who was an admin a moment ago is none, whatever their token');
select admin.set_admin(:'ann_id', true, 'again') \g /dev/null
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select engine.check_admin(%L, %L, null)', :'ann_id', :'ann_token'), 'SCA07', null, 'nor is who was deleted');
select throws_ok(format('select engine.check_person(%L)', :'ann_id'), 'SCN03', null, 'who can neither be asked about');
select throws_ok('select engine.check_person(null)', 'SCN03', null, 'nor can nobody');
select lives_ok(format('select engine.check_person(%L)', :'bob_id'), 'others can');

select throws_ok(format('select engine.check_reason_field(%L)', reason), 'SCV01', null, format('%s is no reason', to_json(reason))) from (values (null), (''), (e' \t\n')) as listed (reason);
select is(engine.read_cursor(engine.write_cursor('a', '1'), '[a-z] [0-9]'), array['a', '1'], 'a cursor is read as it was written');
select throws_ok(format('select engine.read_cursor(%L, %L)', text, '[a-z] [0-9]'), 'SCV01', null, 'what was not written is not read: ' || left(text, 10))
from (values ('zz'), (engine.write_cursor('a', 'b')), (repeat('61', 300))) as listed (text);
select is(engine.instant_of_cursor(engine.cursor_instant('2026-11-20 12:00:00.123457+00')), '2026-11-20 12:00:00.123457+00', 'instants keep their microseconds');
select is(array[engine.percent_used(1, 3), engine.percent_used(0, 0.5), engine.percent_used(5, 4), engine.percent_used(0, 0), engine.percent_used(1, null)], array[33.33, 0, 125, 100, null],
  'how much of a limit is used: of none at all, everything; without one, nothing is said');
select is(
  engine.tier_document(tiers) - 'alertThresholds',
  '{"tier": "free", "isUnlimited": false, "monthlyUsd": 0.5, "dailyUsd": 0.1, "runsPerHour": 10, "concurrentRuns": 20, "throttleOnExceed": true, "isActive": true}', 'a tier is shown with its limits')
from playground.tiers where tier = 'free';
-- what a person costs
update playground.cost_windows set cost_usd = 0 where user_id = :'bob_id';
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, budget_usd, open_usd, runs)
values (:'bob_id', 'month', '2026-11-01 00:00:00+00', 0.2, 0.1, 0.05, 9), (:'bob_id', 'day', '2026-11-20 00:00:00+00', 0.1, 0, 0, 3), (:'bob_id', 'hour', '2026-11-20 12:00:00+00', 0.1, 0, 0, 2);
select engine.alert_once(:'bob_id', '2026-11-20 00:00:00+00', 'test', '{"a": 1}', engine.now()) \g /dev/null
select admin.set_user_limit(:'bob_id', 'a good cause', '2026-11-21 00:00:00+00', p_monthly_usd => 1) \g /dev/null
select is(
  engine.user_costs_json(:'bob_id')::jsonb - array['email', 'userId', 'alerts', 'overrides', 'throttledReason'],
  '{"tier": "free", "currentMonthCost": 0.3, "costLimit": 1, "percentUsed": 25, "isThrottled": true, "throttledBy": "cost_day", "throttledUntil": "2026-11-21T00:00:00.000000Z",
    "refusal": null,
    "daily": {"cost": 0.1, "limit": 0.1, "percentUsed": 100, "resetsAt": "2026-11-21T00:00:00.000000Z"},
    "hourly": {"runs": 2, "limit": 10, "percentUsed": 20, "resetsAt": "2026-11-20T13:00:00.000000Z"},
    "resetsAt": "2026-12-01T00:00:00.000000Z", "ownCap": null}',
  'what a person cost, of which limit how much is used, what keeps them from runs and until when');
select is(
  engine.user_costs_json(:'bob_id')::jsonb #> '{overrides,0}' #- '{setBy}',
  '{"monthlyUsd": 1, "dailyUsd": null, "runsPerHour": null, "concurrentRuns": null, "reason": "a good cause", "setAt": "2026-11-20T12:00:00.000000Z", "until": "2026-11-21T00:00:00.000000Z"}',
  'which limits an operator gave, why and until when');
select is(
  (engine.user_costs_json(:'bob_id')::jsonb #> '{alerts,0}') - array['id', 'email', 'userId'],
  '{"kind": "test", "windowStartsAt": "2026-11-20T00:00:00.000000Z", "details": {"a": 1}, "createdAt": "2026-11-20T12:00:00.000000Z", "acknowledgedAt": null, "acknowledgedBy": null}',
  'and the alerts');
select is(engine.user_costs_json(:'bob_id') ->> 'throttledReason', throttled_reason, 'the reason is the one that operators read') from admin.users where id = :'bob_id';
select is(engine.user_costs_json(:'bob_id', '{"a": 1}') -> 'refusal' ->> 'a', '1', 'what would refuse is shown as it is told');

-- what would refuse a run
select tests.make_user() as cy_id \gset
select is(engine.refusal_json(:'cy_id')::text, null, 'who would not be refused has no refusal');
select is(
  engine.refusal_json(:'bob_id')::jsonb - 'hint',
  '{"limitSource": "cost_day", "wouldStart": false, "model": "sonnet", "used": 0.1, "limit": 0.1, "resetsAt": "2026-11-21T00:00:00.000000Z", "setBy": null, "reason": null}', 'which limit, how far, until when');
select is(
  engine.refusal_json(:'bob_id')::jsonb,
  (select to_jsonb(r) from (select limit_source as "limitSource", would_start as "wouldStart", model, used, limit_value as "limit", engine.iso(resets_at) as "resetsAt", set_by as "setBy", reason,
      engine.refusal_hint(:'bob_id', limit_source, used, limit_value, what_helps) as hint from admin.explain_refusal(:'bob_id')) as r),
  'as operators are told');
select tests.make_user() as dan_id \gset
select engine.alert_once(:'dan_id', '2026-11-20 00:00:00+00', 'limit_exceeded_cost_day', '{"used": 0, "limit": 0.1, "refused": true}', engine.now()) \g /dev/null
select is((would_start, limit_source)::text, '(t,cost_day)', 'who was refused a larger run') from admin.explain_refusal(:'dan_id');
select is(engine.refusal_json(:'dan_id')::jsonb @> '{"limitSource": "cost_day", "wouldStart": true}', true, 'is told so, and that a small one would start');
select throws_ok(format('select engine.refusal_json(%L)', gen_random_uuid()), 'SCD04', null, 'of nobody there is no refusal');
select is(engine.refusal_hint(id, source, used, allowed, helps), hint, 'what helps: ' || coalesce(source, 'nothing'))
from (values ('11111111-1111-1111-1111-111111111111'::uuid)) as person (id)
cross join lateral (select '/api/v1/admin/cost-analytics/users/' || id as path) as at
cross join lateral (values
  ('operator', null, null, 'select x;', format('POST %s/unthrottle lets this person run again.', path)),
  ('credits', 5, 2, 'select x;', format('POST %s/credits grants what is missing: at least 3.', path)),
  ('runs_hour', 10, 10, 'select x;', format('PUT %s/limits with a higher runsPerHour raises it for this person; with until it ends by itself.', path)),
  ('runs_hour', 10, null, 'select set_limits;', 'In SQL, as an operator: select set_limits;'),
  ('provider', 1, 1, 'select ceiling;', 'In SQL, as an operator: select ceiling;'),
  ('own_cap', 1, 1, 'The person raises it.', 'The person raises it.')
) as listed (source, used, allowed, helps, hint);
select tests.reserve(:'cy_id', p_model => 'gpt-4o-mini') from tests.make_package() \g /dev/null
select is(engine.user_costs_json(:'cy_id') -> 'hourly' ->> 'runs', '1', 'somebody left a run behind');
select tests.advance('1 hour') \g /dev/null
select is((select status from playground.holds where user_id = :'cy_id'), 'open', 'which nobody has ended yet');
select engine.person_document(:'cy_id') as shown \gset
select is((select status from playground.holds where user_id = :'cy_id'), 'expired', 'to look at somebody does first what fell due');
select is(:'shown'::jsonb, engine.user_costs_json(:'cy_id')::jsonb, 'and shows the figures of after');
select tests.advance('11 hours') \g /dev/null
select is((engine.user_costs_json(:'bob_id')::jsonb - 'alerts') @> '{"costLimit": 0.5, "overrides": [], "isThrottled": false}', true, 'what has ended is not shown');
select admin.set_unlimited(:'bob_id', true, 'x') \g /dev/null
select is(engine.user_costs_json(:'bob_id')::jsonb @> '{"costLimit": null, "percentUsed": null, "hourly": {"limit": null}, "tier": "unlimited"}', true, 'who is unlimited has no limit');
select is(engine.user_costs_json(gen_random_uuid())::text, null, 'of nobody there is nothing');
select lives_ok('select engine.check_limit(100)', 'a hundred rows are a page');
select throws_ok(format('select engine.check_limit(%L)', rows), 'SCV01', null, 'but not ' || coalesce(rows, 'null')) from (values ('0'), ('101')) as listed (rows);
select * from finish();
rollback;
