begin;
\ir ../helpers.psql
select plan(21);
select tests.freeze('2026-11-20 12:00:00+00');

select is(
  engine.request_subject('address', null, '192.0.2.1'), sha256('192.0.2.1'::bytea), 'an address is counted under its sha256'
);
select is(
  engine.request_subject('user', '00000000-0000-4000-8000-000000000001', '192.0.2.1'), '\x00000000000040008000000000000001'::bytea,
  'a person under the id'
);
select is(engine.request_subject('address', gen_random_uuid(), null), null, 'an address that is not known is nobody''s');
select is(engine.request_subject('user', null, '192.0.2.1'), null, 'nor is a person');

-- 3 in 2 seconds: steps that are no whole microseconds.
create function tests.count(p_instant timestamptz default engine.now())
returns timestamptz
language sql
as $$ select engine.count_request('ann', 'writes', 3, interval '2 seconds' / 3, p_instant) $$;

select is(tests.count(), timestamptz '2026-11-20 12:00:00.666667+00', 'the first request moves the counter one step ahead of now');
select is(tests.count(), timestamptz '2026-11-20 12:00:01.333334+00', 'each one more');
select is(tests.count(), timestamptz '2026-11-20 12:00:02.000001+00', 'as many as the limit has, whatever a step rounds to');
select is(tests.count(), null, 'and none beyond');
select is(
  (select resets_at from playground.request_counters), timestamptz '2026-11-20 12:00:02.000001+00', 'one that is refused counts for nothing'
);
select is(tests.count('2026-11-20 12:00:00.666666+00'), null, 'until a step has passed');
select is(tests.count('2026-11-20 12:00:00.666667+00'), timestamptz '2026-11-20 12:00:02.666668+00', 'when there is one again');
select is(tests.count('2026-11-20 12:00:00.7+00'), null, 'and only one');
select is(tests.count('2026-11-20 15:00:00+00'), timestamptz '2026-11-20 15:00:00.666667+00', 'who was away has all of the limit, not more');

select engine.uncount_request('ann', 'writes', interval '2 seconds' / 3);
select is((select resets_at from playground.request_counters), timestamptz '2026-11-20 15:00:00+00', 'one that is given back is there again');
select engine.uncount_request('ann', 'login', interval '1 hour'), engine.uncount_request('bob', 'writes', interval '1 hour');
select is((select resets_at from playground.request_counters), timestamptz '2026-11-20 15:00:00+00', 'to its person and class only');

update playground.request_counters set resets_at = '2026-11-20 18:00:00+00';
select engine.lower_request_counter('ann', 'writes', 3, interval '2 seconds', '2026-11-20 15:00:00+00');
select is(
  (select resets_at from playground.request_counters), timestamptz '2026-11-20 15:00:06+00',
  'a counter far beyond the limit in force is as if all of the limit had been used just now'
);
select engine.lower_request_counter('ann', 'writes', 3, interval '2 seconds', '2026-11-20 14:59:58+00');
select is(
  (select resets_at from playground.request_counters), timestamptz '2026-11-20 15:00:06+00', 'one step beyond is for another call''s clock to be ahead'
);

create function tests.refusal(p_subject_kind text, p_instant timestamptz)
returns jsonb
language sql
as $$ select engine.request_refusal_json(p_subject_kind, 'ann', 'writes', 3, interval '2 seconds', p_instant)::jsonb $$;
select is(
  tests.refusal('user', '2026-11-20 15:00:00.5+00') - 'hint',
  '{"limitSource": "requests_user", "limit": 3, "used": 3, "resetsAt": "2026-11-20T15:00:02.000000Z", "retryAfter": 2}',
  'a refusal says which limit, how much of it is used, and from when on the next request passes, in whole seconds rounded up'
);
select matches(tests.refusal('user', engine.now()) ->> 'hint', 'your sessions and API keys', 'a person hears what is counted');
select matches(tests.refusal('address', engine.now()) ->> 'hint', 'all who call from your address', 'behind an address others may be');
select is(
  tests.refusal('address', '2026-11-20 16:00:00+00') - 'hint',
  '{"limitSource": "requests_address", "limit": 3, "used": 3, "resetsAt": "2026-11-20T16:00:00.000000Z", "retryAfter": 1}',
  'never an instant that is past'
);
select * from finish();
rollback;
