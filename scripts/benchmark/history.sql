-- A past for people of the bench: :people accounts with :each transactions each, from :starts_at to :ends_at, in the order of
-- time, as if the functions had written them. People are numbered from :first_person on, their grants from :first_grant on.
--
-- Each account is granted 100 credits, spends them one by one, and is granted the next 100. Run as a superuser: the guards of
-- history are asleep (session_replication_role), and admin.verify_ledger() must find nothing afterwards. :with_messages: they are
-- most of the octets and none of the accounting.

\set ON_ERROR_STOP on
set session_replication_role = replica;
set synchronous_commit = off;
set work_mem = '256MB';
begin;

create temporary table line on commit drop as
select *, md5(format('session %s of person %s', spend / 4, person))::uuid as session_id
from (
  select i, i / :people as n, i / :people % 101 as step, i / :people / 101 as cycle, i / :people - i / :people / 101 - 1 as spend,
    :first_person + i % :people as person, :first_grant + i / :people / 101 * :people + i % :people as grant_id,
    md5('person ' || (:first_person + i % :people))::uuid as account_id,
    md5(format('hold %s of person %s', i / :people, :first_person + i % :people))::uuid as hold_id,
    :'starts_at'::timestamptz + (:'ends_at'::timestamptz - :'starts_at'::timestamptz) * (i::double precision / (:people * :each)) as at
  from generate_series(0::bigint, :people::bigint * :each - 1) as i
) as numbered;
analyze line;

insert into playground.users (user_id, account_id, email, created_at)
select md5('person ' || p)::uuid, md5('person ' || p)::uuid, 'person' || p || '@bench.example', :'starts_at'
from generate_series(:first_person, :first_person + :people - 1) as p;

insert into playground.accounts (account_id, kind, last_number, last_balance, last_instant, last_effective_at, created_at)
select account_id, 'user', n + 1, 100 - step, at, at, :'starts_at'
from line
where n = :each - 1
order by i;

insert into playground.grants (account_id, grant_id, bucket, source, granted, remaining, granted_at, last_number)
select account_id, grant_id, 'purchased', 'admin', 100,
  100 - least(100, :each - 1 - n), at, least(:each, n + 101)
from line
where step = 0
order by i;

insert into playground.transactions (account_id, number, type, amount, balance_after, description, user_id, hold_id, session_id, posted_at, effective_at)
select account_id, n + 1, case step when 0 then 'admin' else 'spend' end, case step when 0 then 100 else -1 end, 100 - step,
  case step when 0 then 'Credits from the operator' else 'Playground run on sonnet' end, account_id,
  case when step > 0 then hold_id end, case when step > 0 then session_id end, at, at
from line
order by i;

insert into playground.transaction_parts (account_id, number, grant_id, amount)
select account_id, n + 1, grant_id, case step when 0 then 100 else -1 end
from line
order by i;

insert into playground.holds (
  account_id, hold_id, user_id, status, credits, charged, spend_number, outcome, tier, model, price_effective_from, multiplier, tokens_per_credit,
  input_tokens_estimated, max_output_tokens, cost_held_usd, budget_held_usd, package_id, package_version, is_comparison, is_custom_prompt,
  session_id, is_new_session, reserved_at, expires_at, closed_at)
select account_id, hold_id, account_id, 'settled', 1, 1, n + 1, 'completed', 'unlimited', 'sonnet', price.effective_from, 1, 5000,
  2000, 3000, 0.051, 0, package.package_id, '1.0.0', false, false,
  session_id, spend % 4 = 0, at - interval '3 seconds', at + interval '187 seconds', at
from line
cross join (select min(effective_from) as effective_from from playground.model_prices where model = 'sonnet') as price
cross join (select min(package_id::text)::uuid as package_id from playground.packages) as package
where step > 0
order by i;

insert into playground.hold_parts (account_id, hold_id, position, grant_id, credits)
select account_id, hold_id, 1, grant_id, 1
from line
where step > 0
order by i;

insert into playground.usage (
  account_id, reserved_at, hold_id, user_id, session_id, package_id, package_version, model, answered_model, tier, outcome, usage_source,
  is_comparison, is_simulated, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, input_tokens_estimated,
  credits, cost_usd, budget_usd, stop_reason, duration_ms, recorded_at)
select account_id, at - interval '3 seconds', hold_id, account_id, session_id, package.package_id, '1.0.0', 'sonnet', 'claude-sonnet-4-6',
  'unlimited', 'completed', 'reported', false, true, 1500, 300, 0, 0, 2000, 1, 0.009, 0, 'end_turn', 3000, at
from line
cross join (select min(package_id::text)::uuid as package_id from playground.packages) as package
where step > 0
order by i;

-- What the sums of rollup are made from: they hold none of it yet.
insert into rollup.usage_changes (
  account_id, user_id, reserved_at, model, tier, package_id, outcome, is_comparison, is_simulated, is_new_session, runs,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, tokens_beyond_hold, credits, cost_usd, budget_usd, duration_ms)
select account_id, account_id, at - interval '3 seconds', 'sonnet', 'unlimited', package.package_id, 'completed', false, true, spend % 4 = 0, 1,
  1500, 300, 0, 0, 0, 1, 0.009, 0, 3000
from line
cross join (select min(package_id::text)::uuid as package_id from playground.packages) as package
where step > 0;

insert into rollup.ledger_changes (account_id, number)
select account_id, n + 1
from line;

-- Hours are kept for 40 days, as jobs.purge does.
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, runs)
select account_id, kind, date_trunc(kind, at - interval '3 seconds', 'UTC'), sum(0.009), count(*)
from line
cross join unnest(array['hour', 'day', 'month']) as kind
where step > 0 and (kind <> 'hour' or date_trunc('hour', at - interval '3 seconds', 'UTC') > now() - interval '40 days')
group by 1, 2, 3;

insert into playground.sessions (user_id, session_id, package_id, package_version, model, messages, runs, credits_spent, history_octets, created_at, last_run_at)
select account_id, session_id, min(package.package_id::text)::uuid, '1.0.0', 'sonnet', 2 * count(*), count(*), count(*), 320 * count(*), min(at), max(at)
from line
cross join (select min(package_id::text) as package_id from playground.packages) as package
where step > 0
group by account_id, session_id
order by min(i);

\if :with_messages
insert into playground.messages (user_id, session_id, number, created_at, hold_id, role, content, is_complete, is_in_history)
select account_id, session_id, 2 * (spend % 4 + 1) - side, at, hold_id,
  case side when 1 then 'user' else 'assistant' end,
  case side when 1 then rpad('What should the next release note say? ', 80, 'It is for people who run it. ')
    else rpad('Say what changed for the reader, then how to get it. ', 240, 'Begin with the change that most people notice. ') end, true, true
from line
cross join generate_series(0, 1) as side
where step > 0
order by i, side desc;
\endif

commit;
