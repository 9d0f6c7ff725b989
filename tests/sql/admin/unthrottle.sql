begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(24);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user_with(1000) as bob_id \gset
select admin.throttle(:'ann_id', 'too many') \g /dev/null

select admin.unthrottle(:'ann_id', 'talked to her') \g /dev/null
select is((throttled_at, throttled_reason, throttled_until)::text, '(,,)', 'the throttle is gone') from playground.users where user_id = :'ann_id';
select is((user_id, before ->> 'reason', after, reason)::text, (:'ann_id', 'too many', '{"exemptedWindows": 0}', 'talked to her')::text, 'who, what and why are kept')
from playground.audit_log where action = 'unthrottle';
select is(tests.windows(:'ann_id'), null, 'who has used nothing up is exempted from nothing');
select lives_ok(format('select admin.unthrottle(%L, %L)', :'ann_id', 'again'), 'twice is as good as once');
select throws_ok(format('select admin.unthrottle(%L, null)', :'ann_id'), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.unthrottle(%L, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');

-- An exhausted window refuses nothing until it ends.
create function tests.run(p_user_id uuid, p_model text default 'gpt-4o-mini')
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, p_model => p_model);
begin
  if v_run ->> 'refusal' is null then
    perform tests.settle(p_user_id, v_run, p_output => 4000);
  end if;
  return coalesce(v_run -> 'refusal_detail' ->> 'limitSource', v_run ->> 'refusal', 'started');
end $$;
create function tests.exempt(p_user_id uuid)
returns text[]
language sql
as $$ select array_agg(format('%s %s', kind, starts_at at time zone 'UTC') order by kind, starts_at) from playground.cost_windows where user_id = p_user_id and is_exempt $$;
select admin.set_limits('free', 5, null, null, 'for a test') \g /dev/null
select tests.run(:'ann_id') from generate_series(1, 10) \g /dev/null
select is(tests.run(:'ann_id'), 'runs_hour', 'the hour is used up');
select admin.unthrottle(:'ann_id', 'she may') \g /dev/null
select is(tests.exempt(:'ann_id'), array['hour 2026-11-20 12:00:00'], 'the exhausted window is exempted, and no other');
select is(tests.run(:'ann_id'), 'started', 'and refuses nothing');
select is(after ->> 'exemptedWindows', '1', 'the log says how many') from playground.audit_log where reason = 'she may';
select tests.freeze('2026-11-20 13:00:00+00');
select tests.run(:'ann_id', 'sonnet') \g /dev/null
select is(tests.run(:'ann_id'), 'cost_day', 'the next limit is as ever');
select admin.unthrottle(:'ann_id', 'she may again') \g /dev/null
select is(tests.run(:'ann_id', 'opus'), 'started', 'a day that is exempted refuses nothing either');
select is(tests.exempt(:'ann_id'), array['day 2026-11-20 00:00:00', 'hour 2026-11-20 12:00:00'], 'only what was exhausted');
select is(tests.run(:'ann_id'), 'started', 'whatever it costs');
select tests.freeze('2026-11-21 00:00:00+00');
select is(tests.run(:'ann_id'), 'started', 'the next day');
select tests.run(:'ann_id', 'sonnet'), tests.run(:'ann_id', 'sonnet') \g /dev/null
select is(tests.run(:'ann_id'), 'cost_day', 'has its limit again');

-- What abandoned runs held exhausts nothing once they have ended.
select tests.reserve(:'bob_id', p_user_input => tests.text_of(100), p_model => 'opus') \g /dev/null
select tests.advance('1 hour') \g /dev/null
select admin.unthrottle(:'bob_id', 'caught up first') \g /dev/null
select is(tests.exempt(:'bob_id'), null, 'when nobody ended it, it is ended before anything is exempted');
select is(tests.run(:'bob_id'), 'started', 'and needs no exemption');

-- Who was refused a larger run is let go, though a small one would start.
select tests.run(:'bob_id', 'sonnet') \g /dev/null
select is(tests.reserve(:'bob_id', tests.text_of(3000), 'opus') -> 'refusal_detail' ->> 'limitSource', 'cost_day', 'a larger run is refused, where a small one would start');
select admin.unthrottle(:'bob_id', 'he may') \g /dev/null
select is(tests.exempt(:'bob_id'), array['day 2026-11-21 00:00:00'], 'the window that refused it is exempted');
select is(tests.reserve(:'bob_id', tests.text_of(3000), 'opus') -> 'refusal', 'null', 'and refuses it no more');

-- A limit of 0 leaves no window behind that could be exempted.
select admin.set_limits('free', 0, 0, 0, 'for a test') \g /dev/null
select tests.make_user_with(100) as eve_id \gset
select admin.unthrottle(:'eve_id', 'she may') \g /dev/null
select is(tests.exempt(:'eve_id'), array['day 2026-11-21 00:00:00', 'hour 2026-11-21 01:00:00', 'month 2026-11-01 00:00:00'], 'so one is made');
select is(tests.run(:'eve_id'), 'started', 'also for who has no window yet');
select is_empty('select * from engine.verify_windows(null)', 'the books of the windows stay right');
select * from finish();
rollback;
