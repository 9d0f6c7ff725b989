begin;
\ir ../helpers.psql
select plan(9);
create function tests.reserve(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select hold_id from api.reserve_run(p_user_id, 'demo', null, 'Hello', null, p_session_id, false, null, null, null, null)
$$;
create function tests.run(p_user_id uuid, p_session_id uuid default null)
returns uuid
language sql
as $$
  select (body::json ->> 'conversationId')::uuid
  from tests.reserve(p_user_id, p_session_id) as hold_id
  cross join api.settle_run(p_user_id, hold_id, 'completed', 'Hello', 'Hi there', 10, 2, 0, 0, 'claude-sonnet-4-6', 'end_turn', 5, true)
$$;
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select tests.reserve(:'ann_id') as ann_hold, tests.reserve(:'ann_id') as ann_second_hold, tests.reserve(:'bob_id') as bob_hold \gset

select tests.advance('189.999 seconds');
select is(jobs.expire_holds(), 0, 'a hold lives until its time is over');
select tests.advance('0.001 seconds');
select is(jobs.expire_holds(1), 1, 'a batch is as large as asked for');
select is(jobs.expire_holds(200), 1, 'the next one goes on');
select is(jobs.expire_holds(200), 0, 'and then there is nothing left');
select results_eq(
  'select distinct status::text, outcome::text, charged::bigint, closed_at from playground.holds',
  $$ values ('expired', 'abandoned', null::bigint, '2026-11-20 12:03:10+00'::timestamptz) $$,
  'the holds are expired and charged nothing'
);
select is(sum(held), 0::numeric, 'the credits are free again') from playground.grants;
select is(count(*), 3::bigint, 'what the model cost is on record') from playground.usage where outcome = 'abandoned' and cost_usd > 0;

select tests.reserve(:'ann_id') as late_hold \gset
select tests.advance('3 months');
select is(jobs.expire_holds(), 1, 'after any pause');
select is(closed_at, '2026-11-20 12:06:20+00', 'as if it had run in time') from playground.holds where hold_id = :'late_hold';
select * from finish();
rollback;
