begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
update playground.platform_state set ledger_verified_at = null, ledger_violations = 0;

-- Stands for the books: which of them are wrong, and since when they were asked.
create table tests.violations (invariant text, account_id uuid, detail text, changed_at timestamptz);
create table tests.calls (since timestamptz);
create or replace function admin.verify_ledger(p_since timestamptz default null)
returns table (invariant text, account_id uuid, detail text)
language plpgsql volatile
as $$
begin
  insert into tests.calls values (p_since);
  return query select v.invariant, v.account_id, v.detail from tests.violations as v where p_since is null or v.changed_at >= p_since;
end $$;

select is(jobs.verify_ledger(), 0, 'good books have no violations');
select is(since, null, 'the first time everything is read') from tests.calls;
select tests.advance('2 hours');
delete from tests.calls;
select jobs.verify_ledger() \g /dev/null
select is(since, '2026-11-20 11:45:00+00', 'then what changed since the last time, and somewhat before') from tests.calls;
select is(ledger_verified_at, '2026-11-20 14:00:00+00', 'the time is kept for /readyz') from playground.platform_state;

insert into tests.violations values
  ('sum', gen_random_uuid(), 'two', '2026-11-20 13:59:00+00'), ('sum', '00000000-0000-0000-0000-00000000000a', 'one', '2026-11-20 13:59:00+00'),
  ('gap', null, 'three', '2026-11-20 13:59:00+00');
select is(jobs.verify_ledger(), 3, 'violations are counted');
select is(ledger_violations, 3::bigint, 'and kept for /readyz') from playground.platform_state;
select results_eq(
  $$ select kind, details ->> 'violations', window_starts_at from playground.alerts order by kind $$,
  $$ values ('ledger: gap', '1', '2026-11-20 00:00:00+00'::timestamptz), ('ledger: sum', '2', '2026-11-20 00:00:00+00') $$,
  'the platform is alerted, once per invariant'
);
select tests.advance('3 hours');
select is(jobs.verify_ledger(), 3, 'an old violation is not forgotten because nothing changed since');
delete from tests.violations;
select jobs.verify_ledger() \g /dev/null
select is(ledger_violations, 0::bigint, 'only good books end it') from playground.platform_state;
delete from tests.calls;
select jobs.verify_ledger(true) \g /dev/null
select is(since, null, 'the whole is read when asked for') from tests.calls;
select * from finish();
rollback;
