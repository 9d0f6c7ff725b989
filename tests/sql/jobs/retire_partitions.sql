begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(34);
-- Of the months that this database has, none: what is here does not depend on when it was made.
do $$
declare
  v_month text;
begin
  for v_month in select partition from engine.retained_tables() cross join engine.months_of(parent) loop
    execute format('drop table playground.%I', v_month);
  end loop;
end $$;
-- January and February 2025 have partitions, March lies in the default one; then years pass.
select tests.freeze('2025-01-15 12:00:00+00');
select engine.create_partition(
  parent, key, parent || to_char(month at time zone 'UTC', '"_y"YYYY"m"MM'), month, month + interval '1 month')
from (select parent, key from engine.retained_tables()) as t
cross join unnest(array['2025-01-01 00:00:00+00', '2025-02-01 00:00:00+00', '2027-11-01 00:00:00+00']::timestamptz[]) as month \g /dev/null
select tests.make_package() as package_id, tests.make_user_with(50) as ann_id \gset
select tests.buy(:'ann_id', 100, 5) \g /dev/null
-- A free day pays little of a run, the bought budget the rest.
update playground.tiers set daily_cost_limit_usd = 0.01 where tier = 'free';

create function tests.live(p_user_id uuid, p_at timestamptz, p_session_id uuid default null)
returns uuid
language plpgsql
as $$
declare
  v_run jsonb;
begin
  perform tests.freeze(p_at);
  v_run := tests.reserve(p_user_id, p_session_id => p_session_id, p_idempotency_key => 'key ' || p_at);
  perform tests.freeze(p_at + interval '2 seconds');
  perform tests.settle(p_user_id, v_run, 10000, 10000);
  return (v_run ->> 'session_id')::uuid;
end $$;
create function tests.kept(p_parent text)
returns text
language plpgsql
as $$
declare
  v_text text;
begin
  execute format('select string_agg(distinct tableoid::regclass || '' '' || to_char(%I at time zone ''UTC'', ''YYYY-MM''), '', '' order by tableoid::regclass || '' '' || to_char(%1$I at time zone ''UTC'', ''YYYY-MM'')) from playground.%I',
    (select key from engine.retained_tables() where parent = p_parent), p_parent) into v_text;
  return replace(v_text, 'playground.', '');
end $$;
create function tests.shown(p_user_id uuid)
returns jsonb
language sql
as $$
  select jsonb_build_array(
    api.list_transactions(p_user_id), api.list_transactions(p_user_id, p_limit => 2), api.get_balance(p_user_id), tests.ledger(p_user_id), tests.lots(p_user_id))
$$;
select tests.live(:'ann_id', '2025-01-16 12:00:00+00') as session_id \gset
select tests.live(:'ann_id', '2025-02-28 23:59:57+00'), tests.live(:'ann_id', '2025-03-01 00:00:00+00') \g /dev/null
select engine.alert_once(:'ann_id', '2025-01-01 00:00:00+00', 'test', '{}', engine.now()) \g /dev/null
select tests.live(:'ann_id', '2026-10-31 23:00:00+00', :'session_id') \g /dev/null
select tests.live(:'ann_id', '2027-11-19 12:00:00+00', :'session_id') \g /dev/null
select tests.freeze('2027-11-20 12:00:00+00');
select is(tests.kept('usage'), 'usage_default 2025-03, usage_default 2026-10, usage_y2025m01 2025-01, usage_y2025m02 2025-02, usage_y2027m11 2027-11', 'runs of years');
select cmp_ok(sum(budget_usd), '>', 0::numeric, 'some of them paid by the bought budget') from playground.usage where reserved_at < '2025-09-01';
select is_empty('select * from admin.verify_ledger()', 'the books are sound');
select tests.shown(:'ann_id') as shown \gset

select is(engine.kept_since('usage'), '-infinity', 'nothing was ever retired');
select is(jobs.retire_partitions(), 1, 'the end is announced first');
select is((user_id, before, after, reason)::text,
  ('00000000-0000-0000-0000-000000000000'::uuid,
   '{"usage": null, "alerts": null, "answers": null, "messages": null, "audit_log": null, "stripe_events": null}'::jsonb,
   '{"usage": "2025-09-01T00:00:00+00:00", "alerts": "2025-09-01T00:00:00+00:00", "answers": "2026-10-01T00:00:00+00:00", "messages": "2026-10-01T00:00:00+00:00", "audit_log": null, "stripe_events": "2025-09-01T00:00:00+00:00"}'::jsonb,
   'older than the settings keep')::text,
  'in the audit log, since when each table is kept')
from playground.audit_log where action = 'retire_months';
select is(jobs.retire_partitions(), 0, 'and nothing goes for an hour');
select tests.advance('1 hour') \g /dev/null
select is(tests.kept('usage'), 'usage_default 2025-03, usage_default 2026-10, usage_y2025m01 2025-01, usage_y2025m02 2025-02, usage_y2027m11 2027-11', 'while who checks the books finishes');
select is_empty('select * from admin.verify_ledger()', 'who begins does not look there any more');

create function tests.retire()
returns integer
language plpgsql
as $$
declare
  v_calls integer := 0;
begin
  while jobs.retire_partitions(1) > 0 loop
    v_calls := v_calls + 1;
  end loop;
  return v_calls;
end $$;
select sum(rows) as rows_of_march
from (
  select count(*) as rows from playground.usage_default where reserved_at < '2025-09-01' union all
  select count(*) from playground.messages_default where created_at < '2026-10-01' union all
  select count(*) from playground.answers_default where created_at < '2026-10-01' union all
  select count(*) from playground.alerts_default where window_starts_at < '2025-09-01'
) as old \gset
select is(jobs.retire_partitions(), 1, 'then one month a call');
select is(count(*), 9::bigint, 'goes') from engine.retained_tables() cross join engine.months_of(parent) where parent <> 'audit_log' and starts_at < '2025-03-01';
select is(tests.retire(), 9 + :rows_of_march, 'and a batch of rows where months have no partition, until nothing is left');
select is(tests.kept('usage'), 'usage_default 2026-10, usage_y2027m11 2027-11', 'usage of 26 months is kept');
select is(tests.kept('messages'), 'messages_default 2026-10, messages_y2027m11 2027-11', 'what was said, of 13');
select is(tests.kept('answers'), 'answers_default 2026-10, answers_y2027m11 2027-11', 'with its answers');
select is(tests.kept('alerts') !~ '2025-0[1-8]', true, 'alerts of 26 months');
select is(tests.kept('audit_log') ~ '2025-01', true, 'the audit log of seven years');
select is(count(*), 10::bigint, 'each month that went is audited')
from playground.audit_log where action = 'retire_month' and before ? 'rows' and before ? 'octets';
select is(before ->> 'rows', '1', 'with its rows') from playground.audit_log where action = 'retire_month' and subject = 'usage_y2025m02';

select is_empty('select * from admin.verify_ledger()', 'the books are sound without what was retired');
select is_empty($$ select * from admin.verify_ledger('2025-01-01') $$, 'also when asked about years past');
select is(tests.shown(:'ann_id'), :'shown'::jsonb, 'history, pages, balance and grants are what they were');
select is(jsonb_array_length(api.get_session(:'ann_id', :'session_id')::jsonb -> 'conversation'), 4, 'an old conversation shows what is left of it');
select is((octets, json_array_length(history))::text, '(30,4)', 'and the next run of it sends, and is measured by, just that')
from engine.history_of(:'ann_id', :'session_id');
select is(e ->> 'explanation', '1 credit(s) charged of 1 held; its usage is not kept any more.', 'a charge is still explained by the ledger')
from playground.holds h, lateral (select to_jsonb(x) as e from admin.explain_charge(h.account_id, p_hold_id => h.hold_id) as x) as x
where h.reserved_at < '2025-02-01';

create function tests.named_after(p_change text)
returns text[]
language plpgsql
as $$
declare
  v_named text[];
begin
  execute p_change;
  v_named := (select array_agg(distinct invariant order by invariant) from admin.verify_ledger());
  raise sqlstate 'UNDO1' using message = coalesce(v_named::text, '{}');
exception
  when sqlstate 'UNDO1' then
    return sqlerrm::text[];
end $$;
alter table playground.usage_default disable trigger user;
alter table playground.usage_y2027m11 disable trigger user;
select is(tests.named_after(change), named::text[], about)
from (values
  ('delete from playground.usage where reserved_at < ''2027-01-01''', '{budget_is_purchases_less_runs,hold_has_one_usage,window_is_its_runs}', 'usage that is to be kept, and is lost, is missed'),
  ('update playground.cost_windows set budget_usd = 0 where starts_at = ''2025-01-01''', '{budget_is_purchases_less_runs}', 'and what the windows remember of the bought budget')
) as listed (change, named, about);
alter table playground.usage_default enable trigger user;
select throws_ok('delete from playground.usage', 'SCL01', null, 'by hand nothing of what is kept is deleted');

-- A setting that keeps more brings nothing back, and takes nothing for lost.
select admin.set_setting('usage_retention', '60 months', 'keep more') \g /dev/null
select is(tests.retire(), 0, 'twice does nothing more');
select is_empty('select * from admin.verify_ledger()', 'a longer setting finds nothing missing');
select admin.set_setting('usage_retention', '2 months', 'keep less') \g /dev/null
select is(tests.retire(), 1, 'a shorter one announces more');
select is((after ->> 'usage', after ->> 'messages')::text, '(2027-09-01T00:00:00+00:00,2026-10-01T00:00:00+00:00)', 'and says again what was said before')
from playground.audit_log where action = 'retire_months' order by audit_id desc limit 1;
select tests.advance('61 minutes') \g /dev/null
select is(tests.retire(), 1, 'which goes then');
select is_empty('select * from admin.verify_ledger()', 'and the books are sound');
select * from finish();
rollback;
