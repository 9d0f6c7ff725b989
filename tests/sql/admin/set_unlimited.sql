begin;
\ir ../helpers.psql
select plan(6);
select tests.make_user() as ann_id \gset

select admin.set_unlimited(:'ann_id', true, 'we know her') \g /dev/null
select is(engine.tier_of(user_id), 'unlimited', 'the flag is a tier of its own') from playground.users where user_id = :'ann_id';
select is(
  (actor, user_id, before, after, reason)::text, (session_user, :'ann_id', '{"isUnlimited": false}', '{"isUnlimited": true}', 'we know her')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_unlimited';
select admin.set_unlimited(:'ann_id', false, 'no longer') \g /dev/null
select is(is_unlimited, false, 'and it can be taken back') from playground.users where user_id = :'ann_id';
select throws_ok(format('select admin.set_unlimited(%L, null, %L)', :'ann_id', 'x'), 'SCD02', null, 'yes or no must be said');
select throws_ok(format('select admin.set_unlimited(%L, true, %L)', :'ann_id', ' '), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.set_unlimited(%L, true, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
