begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select admin.throttle(:'ann_id', 'too many') \g /dev/null

select admin.unthrottle(:'ann_id', 'talked to her') \g /dev/null
select is((throttled_at, throttled_reason, throttled_until)::text, '(,,)', 'the throttle is gone') from playground.users where user_id = :'ann_id';
select is((user_id, before ->> 'reason', after, reason)::text, (:'ann_id', 'too many', null, 'talked to her')::text, 'who, what and why are kept')
from playground.audit_log where action = 'unthrottle';
select lives_ok(format('select admin.unthrottle(%L, %L)', :'ann_id', 'again'), 'twice is as good as once');
select throws_ok(format('select admin.unthrottle(%L, null)', :'ann_id'), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.unthrottle(%L, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
