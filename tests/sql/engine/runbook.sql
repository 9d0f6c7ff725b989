begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(69);
select tests.freeze('2026-11-20 12:34:56+00');
select tests.make_package() as package_id, tests.make_user('ann@scrip.example') as ann_id, tests.make_user('bob@scrip.example') as bob_id \gset
-- Warnings are part of the contract and are read by the test that logs in.
set local client_min_messages = error;

create function tests.runbook(p_statement text)
returns text
language plpgsql
as $$
declare
  v_rows bigint;
  v_state text;
  v_hint text;
begin
  set local role scrip_operator;
  set local search_path = admin, analytics;
  execute p_statement;
  get diagnostics v_rows = row_count;
  set local role scrip_owner;
  set local search_path = tests, tap, public, pg_catalog;
  return v_rows || ' row(s)';
exception
  when sqlstate 'SCL01' or sqlstate 'SCD02' or sqlstate 'SCD04' then
    get stacked diagnostics v_state = returned_sqlstate, v_hint = pg_exception_hint;
    return v_state || ': ' || v_hint;
end $$;
create function tests.audit(p_action text)
returns table (who text, about uuid, subject text, before jsonb, after jsonb, why text)
language sql
as $$ select actor, user_id, subject, before, after, reason from playground.audit_log where action = p_action order by audit_id $$;
create function tests.tier(p_tier text)
returns text
language sql
as $$ select format('%s %s %s %s %s %s %s', trim_scale(monthly_cost_limit_usd), trim_scale(daily_cost_limit_usd), runs_per_hour, concurrent_runs, throttle_on_exceed, alert_thresholds, is_active)
      from playground.tiers where tier = p_tier $$;

-- Why.
select is(engine.runbook_reason(), 'runbook statement', 'who gives no reason ran a runbook');
set local scrip.reason = '  ';
select is(engine.runbook_reason(), 'runbook statement', 'blanks are none');
set local scrip.reason = ' ticket 17 ';
select is(engine.runbook_reason(), 'ticket 17', 'who gives one is quoted');
set local scrip.reason = '';

-- Limits of tiers.
select is(tests.runbook('UPDATE cost_limits_config SET throttle_on_exceed = FALSE'), '4 row(s)', 'a statement without WHERE means all tiers');
select is((select count(*) from tests.audit('set_limits')), 4::bigint, 'each row that changed is a line');
select is((select bool_and(not throttle_on_exceed) from playground.tiers), true, 'and changed');
select is(tests.runbook('UPDATE cost_limits_config SET throttle_on_exceed = FALSE'), '4 row(s)', 'the same again');
select is((select count(*) from tests.audit('set_limits')), 4::bigint, 'changes nothing and leaves no line');
select is(tests.runbook('UPDATE cost_limits_config SET throttle_on_exceed = TRUE'), '4 row(s)', 'back');
select is(tests.runbook('UPDATE cost_limits_config SET monthly_cost_limit = 10.00'), '3 row(s)', 'a limit for all is one for those that have limits');
select is(tests.tier('unlimited'), '   20 t {} t', 'the tier without limits stays without');
select is(tests.tier('free'), '10 0.1 10 20 t {50,75,80,90} t', 'one value of a tier changes, and no other');
set local scrip.reason = 'ticket 17';
select is(
  tests.runbook($$ UPDATE cost_limits_config SET monthly_cost_limit = 0.60, daily_cost_limit = 0, hourly_request_limit = 5, concurrent_run_limit = 3, alert_at_percent = '{90}',
    throttle_on_exceed = FALSE, is_active = FALSE WHERE tier_name = 'free' $$), '1 row(s)', 'every value may be written');
select is(tests.tier('free'), '0.6 0 5 3 f {90} f', 'and is');
select is(
  (select (who, subject, why, before ->> 'monthlyUsd', after ->> 'monthlyUsd', after ->> 'alertThresholds')::text from tests.audit('set_limits') where before ->> 'runsPerHour' = '10' and after ->> 'runsPerHour' = '5'),
  (session_user, 'free', 'ticket 17', '10', '0.6', '[90]')::text, 'who, which tier, why, before and after are kept'
);
select is(tests.runbook('UPDATE cost_limits_config SET monthly_cost_limit = monthly_cost_limit * 2, is_active = TRUE WHERE tier_name = ''free'''), '1 row(s)', 'a new value may come of the old one');
select is(tests.tier('free'), '1.2 0 5 3 f {90} t', 'and does');

select matches(tests.runbook(format('UPDATE cost_limits_config SET %s = NULL WHERE tier_name = ''free''', name)), '^SCD02: .*admin\.set_unlimited\(user, true, reason\)', name || ' NULL would refuse everybody')
from unnest(array['monthly_cost_limit', 'daily_cost_limit', 'hourly_request_limit', 'concurrent_run_limit', 'throttle_on_exceed', 'alert_at_percent', 'is_active']) as name;
select matches(tests.runbook(format('UPDATE cost_limits_config SET %s WHERE tier_name = ''free''', written)), '^SCD02', written || ' is no limit')
from unnest(array['monthly_cost_limit = -1', 'daily_cost_limit = ''NaN''', 'monthly_cost_limit = 1e9', 'hourly_request_limit = -1', 'alert_at_percent = ''{0}''', 'alert_at_percent = ''{101}''']) as written;
select matches(tests.runbook('UPDATE cost_limits_config SET tier_name = ''x'''), '^SCL01: .*admin\.set_plan\(', 'a tier keeps its name');
select is(tests.tier('free'), '1.2 0 5 3 f {90} t', 'what was refused changed nothing');
update playground.tiers set daily_cost_limit_usd = null where tier = 'free';
select is(tests.runbook('UPDATE cost_limits_config SET monthly_cost_limit = 0.5, daily_cost_limit = 0.1, hourly_request_limit = 10, concurrent_run_limit = 20, throttle_on_exceed = TRUE WHERE tier_name = ''free'''), '1 row(s)', 'a limit that was missing can be given');
select matches(tests.runbook(statement), '^SCL01: .*admin\.set_user_limit\(', 'tiers do not come or go by hand')
from unnest(array['INSERT INTO cost_limits_config (tier_name) VALUES (''gold'')', 'DELETE FROM cost_limits_config']) as statement;

-- A person's throttle.
create function tests.refusal(p_user_id uuid)
returns text
language sql
as $$ select coalesce(refusal || ' ' || (refusal_detail ->> 'limitSource'), 'runs') from api.reserve_run(p_user_id, 'demo', null, 'Hello', null, null, false, null, null, null, null) $$;
select is(tests.runbook('UPDATE users SET is_throttled = TRUE, throttled_reason = ''under review'' WHERE email = ''ann@scrip.example'''), '1 row(s)', 'a person is throttled by a statement');
select is(tests.refusal(:'ann_id'), 'SCT01 operator', 'and does not run');
select is(tests.refusal(:'bob_id'), 'runs', 'others do');
select is(
  (select (who, about, before ->> 'reason', after ->> 'reason', after ->> 'until', why)::text from tests.audit('throttle')), (session_user, :'ann_id', null, 'under review', null, 'ticket 17')::text, 'which is written down'
);
select is(details, '{"until": null}', 'and written to, as by admin.throttle') from playground.notices where user_id = :'ann_id' and kind = 'throttled';
select is((select (set_by, reason)::text from admin.explain_refusal(:'ann_id')), (session_user, 'under review')::text, 'who asks why is told that reason');
select is(tests.runbook('UPDATE users SET is_throttled = TRUE'), '2 row(s)', 'who is throttled stays so');
select is(count(*), 1::bigint, 'and is not written to again') from playground.notices where user_id = :'ann_id' and kind = 'throttled';
select is((select array_agg(about || ' ' || (after ->> 'reason') order by after ->> 'reason') from tests.audit('throttle')), array[:'bob_id' || ' ticket 17', :'ann_id' || ' under review'], 'without another line; who gets no reason of their own gets the session''s');
select admin.throttle(:'ann_id', 'for a day', '2026-11-21 12:00:00+00') \g /dev/null
select is(tests.runbook('UPDATE users SET throttled_reason = ''charge back'' WHERE email = ''ann@scrip.example'''), '1 row(s)', 'another reason');
select is((select (throttled_reason, throttled_until, throttled_at)::text from playground.users where user_id = :'ann_id'), ('charge back', '2026-11-21 12:00:00+00'::timestamptz, engine.now())::text, 'leaves its times alone');
select is(tests.runbook('UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE email = ''ann@scrip.example'''), '1 row(s)', 'a throttle is ended by a statement');
select is(tests.refusal(:'ann_id'), 'runs', 'and the person runs');
select is((select (who, about, before ->> 'reason', why)::text from tests.audit('unthrottle')), (session_user, :'ann_id', 'charge back', 'ticket 17')::text, 'which is written down');
select is(tests.runbook('UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE email = ''ann@scrip.example'''), '1 row(s)', 'the same again');
select is((select count(*) from tests.audit('unthrottle')), 1::bigint, 'does nothing');

-- An exhausted window.
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (:'bob_id', 'month', '2026-10-01 00:00:00+00', 0.5), (:'bob_id', 'day', '2026-11-19 00:00:00+00', 0.1);
update playground.cost_windows set cost_usd = 0.5 where user_id = :'bob_id' and kind = 'month' and starts_at = '2026-11-01 00:00:00+00';
select is(tests.runbook('UPDATE users SET is_throttled = FALSE WHERE is_throttled'), '1 row(s)', 'the throttle, and with it the month that is used up');
select is(tests.refusal(:'bob_id'), 'runs', 'end for now');
select is((select array_agg(kind || ' ' || starts_at::date order by 1) from playground.cost_windows where is_exempt), '{month 2026-11-01}', 'for this month only');
update playground.users set cost_cap_usd = 0.5 where user_id = :'bob_id';
select is(tests.runbook('UPDATE users SET is_throttled = FALSE WHERE id = ''' || :'bob_id' || ''''), '1 row(s)', 'a person''s own cap');
select is(tests.refusal(:'bob_id'), 'SCT02 own_cap', 'is not for operators to lift');

-- What else is written.
select matches(tests.runbook(format('UPDATE users SET %s WHERE email = ''ann@scrip.example''', written)), expected, written || ' names what to call instead')
from (values
  ('current_month_api_cost = 1', '^SCL01: .*is_throttled = FALSE'),
  ('lifetime_api_cost = lifetime_api_cost + 1', '^SCL01: .*admin\.grant_credits\(user, credits, reason\)'),
  ('prpm_plus_status = ''active''', '^SCL01: .*admin\.set_plan\(.*admin\.end_plan\('),
  ('email = ''x@scrip.example''', '^SCL01: .*admin\.find_user\('),
  ('throttled_at = ''2026-11-20 12:00:00+00''', '^SCL01: .*admin\.throttle\('),
  ('throttled_reason = ''nothing''', '^SCD02: .*is_throttled = TRUE'),
  ('is_throttled = NULL', '^SCD02: .*is_throttled = TRUE')
) as listed (written, expected);
select matches(tests.runbook('DELETE FROM users'), '^SCL01: .*admin\.throttle\(.*admin\.delete_user\(', 'people are not deleted here, but by a function');

-- What nobody writes by a statement says what to call, instead of PostgreSQL's words about rules of views.
select is_empty($$
  select c.relname, event.name
  from pg_class c
  cross join (values ('insert', 4), ('delete', 8), ('update', 16)) as event (name, bit)
  where c.relnamespace = 'admin'::regnamespace
    and c.relkind = 'v'
    and not exists (select from pg_trigger where tgrelid = c.oid and tgtype & 64 <> 0 and tgtype & event.bit <> 0)
$$, 'every view of operators answers each kind of statement itself');
select matches(tests.runbook(statement), expected, statement || ' names what to call instead')
from (values
  ('DELETE FROM audit_log', '^SCL01: .*another change'),
  ('UPDATE models SET multiplier = 6 WHERE model = ''opus''', '^SCL01: .*admin\.set_multiplier\('),
  ('UPDATE request_limits SET requests = 60', '^SCL01: .*admin\.set_request_limit\('),
  ('UPDATE tiers SET runs_per_hour = 60', '^SCL01: .*admin\.set_limits\(')
) as listed (statement, expected);
select * from finish();
rollback;
