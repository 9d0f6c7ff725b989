begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', '2026-11-01 00:00:00+00', 'for a test') \g /dev/null
select tests.advance('1 second') \g /dev/null
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 100, 50) \g /dev/null

-- Each invariant broken is tried in tests/py/ledger/test_verify_ledger.py; here, which function names what.
alter table playground.grants disable trigger user;
alter table playground.periods disable trigger user;
create function tests.named_by(p_function text, p_change text)
returns text[]
language plpgsql
as $$
declare
  v_named text[];
begin
  execute p_change;
  execute format('select array_agg(distinct invariant order by invariant) from %s(null)', p_function) into v_named;
  raise sqlstate 'UNDO1' using message = coalesce(v_named::text, '{}');
exception
  when sqlstate 'UNDO1' then
    return sqlerrm::text[];
end $$;
select is(tests.named_by(subject, change), named::text[], about)
from (values
  ('engine.verify_grants', 'select', '{}', 'sound grants are not named'),
  ('engine.verify_grants', 'update playground.grants set held = 1 where bucket = ''monthly''', '{grant_held_is_open_holds}', 'credits held for nobody'),
  ('engine.verify_accounts', 'update playground.accounts set last_number = last_number + 1', '{balance_is_what_remains}', 'an account ahead of its history'),
  ('engine.verify_holds', 'update playground.holds set credits = 2', '{hold_is_its_parts}', 'a hold of more than its parts'),
  ('engine.verify_burn_order', 'select', '{}', 'monthly credits held before purchased ones'),
  ('engine.verify_burn_order', 'update playground.hold_parts set grant_id = (select grant_id from playground.grants where source = ''signup''); update playground.grants set expires_at = granted_at where bucket = ''monthly''', '{}',
    'purchased ones while the monthly ones were over'),
  ('engine.verify_burn_order',
    'update playground.hold_parts set grant_id = (select grant_id from playground.grants where source = ''signup'')', '{burn_order_is_kept}',
    'purchased credits held while monthly ones were free'),
  ('engine.verify_periods', 'update playground.periods set grant_id = null', '{period_is_granted_once}', 'a month''s credits without their period'),
  ('engine.verify_windows', 'update playground.cost_windows set runs = runs + 1 where kind = ''day''', '{window_is_its_runs}', 'a run nobody made'),
  ('engine.verify_windows', 'delete from playground.cost_windows where kind = ''hour''', '{}', 'an old hour may be gone'),
  ('engine.verify_windows', 'delete from playground.cost_windows where kind = ''month''', '{window_is_its_runs}', 'a month may not')
) as listed (subject, change, named, about);
select * from finish();
rollback;
