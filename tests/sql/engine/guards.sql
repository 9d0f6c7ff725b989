begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(58);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(10) as ann_id, tests.make_user_with(10) as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.reserve(:'ann_id') as open_run, tests.reserve(:'bob_id') as late_run \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
-- A transaction is looked at when it is committed, or now.
set constraints all immediate;
set constraints all deferred;

-- Nothing of the books is deleted, nothing of its history changed, whoever asks: this is the owner.
select isnt_empty('select from playground.' || history, history || ' has rows to try it on')
from unnest(array['accounts', 'grants', 'holds', 'hold_parts', 'periods', 'transactions', 'transaction_parts', 'usage', 'audit_log', 'model_prices']) as history;
select throws_ok('delete from playground.' || history, 'SCL01', null, history || ' refuses DELETE')
from unnest(array['accounts', 'grants', 'holds', 'hold_parts', 'periods', 'transactions', 'transaction_parts', 'usage', 'audit_log', 'model_prices']) as history;
select throws_ok(format('truncate playground.%s cascade', history), 'SCL01', null, history || ' refuses TRUNCATE')
from unnest(array['accounts', 'grants', 'holds', 'hold_parts', 'periods', 'transactions', 'transaction_parts', 'usage', 'audit_log', 'model_prices']) as history;
select throws_ok(format('update playground.%s set %I = %2$I', history, column_name), 'SCL01', null, history || ' refuses UPDATE, even to the same')
from (values ('transactions', 'amount'), ('transaction_parts', 'amount'), ('audit_log', 'reason'), ('model_prices', 'model')) as append_only (history, column_name);
create function tests.hint_of(p_statement text)
returns text
language plpgsql
as $$
declare
  v_hint text;
begin
  execute p_statement;
exception
  when sqlstate 'SCL01' then
    get stacked diagnostics v_hint = pg_exception_hint;
    return v_hint;
end $$;
select matches(tests.hint_of('update playground.transactions set amount = 0'), 'admin\.grant_credits', 'and says what to do instead');

-- What remains of a grant changes only with the line that says so.
select throws_ok(format('update playground.grants set remaining = remaining %s where account_id = %L and bucket = %L', change, :'ann_id', 'monthly'), 'SCL01', null, about)
from (values
  ('- 1', 'credits do not go without a line, not even as many as went with the last one'), ('- remaining + held', 'nor all that are free')
) as listed (change, about);
select throws_ok(
  format('update playground.grants set remaining = remaining - 1, last_number = %s where account_id = %L and bucket = %L', number, :'ann_id', 'monthly'), 'SCL01', null, about
)
from (values
  (1, 'nor with another grant''s line'), (4, 'nor with an older one of the same amount'), (99, 'nor with one that does not exist')
) as listed (number, about);
select throws_ok(
  format('update playground.grants set remaining = remaining + 1 where account_id = %L and source = %L', :'bob_id', 'signup'), '23514', null, 'nobody gets more than was granted'
);
select throws_ok(
  format($$ insert into playground.grants (account_id, bucket, source, granted, remaining, granted_at, last_number) values (%L, 'purchased', 'admin', 5, 5, engine.now(), 2) $$, :'bob_id'),
  'SCL01', null, 'a new grant does not bring credits of its own'
);
select lives_ok(
  format('update playground.grants set suspended = 1 where account_id = %L and bucket = %L', :'ann_id', 'monthly'), 'what does not change the credits may be written'
);

-- A transaction whose parts do not add up does not pass the commit.
create function tests.post(p_user_id uuid, p_amount bigint, p_parts bigint[], p_change_grant boolean)
returns void
language plpgsql
as $$
declare
  v_number bigint := (select last_number + 1 from playground.accounts where account_id = p_user_id);
  v_balance bigint := (select last_balance from playground.accounts where account_id = p_user_id);
  v_grant_ids bigint[] := (select array_agg(grant_id order by grant_id) from playground.grants where account_id = p_user_id);
begin
  insert into playground.transactions (account_id, number, type, amount, balance_after, description, posted_at, effective_at)
  values (p_user_id, v_number, 'refund', p_amount, v_balance + p_amount, 'by hand', engine.now(), engine.now());
  for v_i in 1 .. cardinality(p_parts) loop
    insert into playground.transaction_parts values (p_user_id, v_number, v_grant_ids[v_i], p_parts[v_i]);
    if p_change_grant then
      update playground.grants set remaining = remaining + p_parts[v_i], last_number = v_number where account_id = p_user_id and grant_id = v_grant_ids[v_i];
    end if;
  end loop;
  update playground.accounts set last_number = v_number, last_balance = last_balance + p_amount where account_id = p_user_id;
end $$;
select throws_ok(
  format('select tests.post(%L, %s, %L, %L); set constraints all immediate', :'bob_id', amount, parts, change_grant), 'SCL01', null, about
)
from (values
  (-3, '{-1,-1}'::bigint[], true, 'parts that are fewer than the amount'), (-3, '{-3,-1}', true, 'or more'), (-3, '{}', true, 'or none at all'),
  (-3, '{-3}', false, 'a part that did not change its grant')
) as listed (amount, parts, change_grant, about);
select lives_ok(format('select tests.post(%L, -3, %L, true); set constraints all immediate', :'bob_id', '{-1,-2}'), 'a line that adds up passes');
set constraints all deferred;

-- Usage is corrected once, from abandoned to late.
select tests.freeze('2026-11-20 12:10:00+00');
select api.get_balance(:'bob_id') \g /dev/null
select is(outcome::text, 'abandoned', 'an abandoned run') from playground.usage where account_id = :'bob_id';
select throws_ok(format('update playground.usage set %s where account_id = %L', change, :'bob_id'), 'SCL01', null, about)
from (values
  ('outcome = ''completed''', 'is not completed by hand'), ('cost_usd = 0', 'is not made cheaper'), ('outcome = ''late'', credits = 1', 'is charged nothing when it answers late'),
  ('outcome = ''late'', hold_id = gen_random_uuid()', 'stays what it is'), ('outcome = ''late'', reserved_at = reserved_at - interval ''1 month''', 'and when it was')
) as listed (change, about);
select tests.settle(:'bob_id', :'late_run', 10, 10) \g /dev/null
select is(outcome::text, 'late', 'the late answer itself corrects it') from playground.usage where account_id = :'bob_id';
select throws_ok(format('update playground.usage set outcome = %L where account_id = %L', outcome, :'bob_id'), 'SCL01', null, about)
from (values ('late', 'once'), ('abandoned', 'for good')) as listed (outcome, about);
select throws_ok(format('update playground.usage set cost_usd = 0 where account_id = %L', :'ann_id'), 'SCL01', null, 'no other run is corrected');
select * from finish();
rollback;
