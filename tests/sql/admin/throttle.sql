begin;
\ir ../helpers.psql
select plan(15);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
create function tests.refusal(p_user_id uuid)
returns text
language sql
as $$ select refusal from api.reserve_run(p_user_id, 'demo', null, 'Hello', null, null, false, null, null, null, null) $$;

select admin.throttle(:'ann_id', ' too many ', '2026-11-20 13:00:00+00') \g /dev/null
select is(tests.refusal(:'ann_id'), 'SCT01', 'a throttled person''s runs are refused');
select is(
  (actor, user_id, before, after, reason)::text,
  (session_user, :'ann_id', '{"until": null, "reason": null, "throttledAt": null}',
    '{"until": "2026-11-20T13:00:00.000000Z", "reason": "too many", "throttledAt": "2026-11-20T12:00:00.000000Z"}', 'too many')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'throttle';
select tests.freeze('2026-11-20 13:00:00+00');
select is(tests.refusal(:'ann_id'), null, 'until its end');

select admin.throttle(:'ann_id', 'for good') \g /dev/null
select tests.advance('10 years');
select is(tests.refusal(:'ann_id'), 'SCT01', 'or for good');
select is(after ->> 'until', null, 'a second word takes the place of the first') from playground.audit_log where reason = 'for good';
select is(before ->> 'reason', 'too many', 'and the log knows both') from playground.audit_log where reason = 'for good';

select is(
  array_agg(details order by created_at), array['{"until": "2026-11-20T13:00:00.000000Z"}'::jsonb, '{"until": null}'],
  'the person is written to each time: until when, and not why'
)
from playground.notices where user_id = :'ann_id' and kind = 'throttled';

select admin.throttle(:'ann_id', 'without end', 'infinity') \g /dev/null
select is(tests.refusal(:'ann_id'), 'SCT01', 'until infinity is for good');
select is(details, '{"until": null}', 'and told as that') from playground.notices where user_id = :'ann_id' order by created_at desc limit 1;
select throws_ok(format('select admin.throttle(%L, %L, %L)', :'ann_id', 'x', until), 'SCD02', null, format('not until %s', until))
from (values ('10000-01-01 00:00:00+00'), ('9999-12-31 23:59:59-14:00'), ('-infinity')) as listed (until);
select throws_ok(format('select admin.throttle(%L, %L, %L)', :'ann_id', 'x', engine.now()), 'SCD02', null, 'a throttle ends in the future');
select throws_ok(format('select admin.throttle(%L, %L)', :'ann_id', ''), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.throttle(%L, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
