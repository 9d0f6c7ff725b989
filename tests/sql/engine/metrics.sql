begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(19);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
create function tests.metric(p_name text, p_labels jsonb default '{}')
returns numeric
language sql
as $$ select trim_scale(value) from engine.list_metrics() where name = p_name and labels @> p_labels $$;

select is(tests.metric('scrip_model_runs_total'), null, 'before the first run there is nothing to count');
select tests.reserve(:'ann_id') as run \gset
select is(tests.metric('scrip_holds_open'), 1::numeric, 'a run under way is told');
select cmp_ok(tests.metric('scrip_credits_held'), '>', 0::numeric, 'with the credits it holds');
select tests.advance('1 second') \g /dev/null
select tests.settle(:'ann_id', :'run', 1000, 500, 0, 0, 'Hi there.') \g /dev/null
select is(tests.metric('scrip_holds_open'), 0::numeric, 'until it has ended');
select is(tests.metric('scrip_model_runs_total', '{"model": "sonnet", "tier": "free", "outcome": "completed"}'), 1::numeric, 'runs are counted by model, tier and outcome');
select is(tests.metric('scrip_credits_charged_total', '{"model": "sonnet"}'), 1::numeric, 'so is what they were charged');
select is(tests.metric('scrip_cost_usd_total', '{"model": "sonnet"}'), 0.0105, 'and what they cost, in US dollars');
select jobs.roll_up() \g /dev/null
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 1000, 500, 0, 0, 'Hi there.') \g /dev/null
select is(tests.metric('scrip_model_runs_total', '{"model": "sonnet"}'), 2::numeric, 'a counter goes on when the sums were made meanwhile');
select is(tests.metric('scrip_provider_spend_usd', '{"provider": "anthropic"}'), 0.021, 'a provider''s spend of the day is told');
select is(tests.metric('scrip_provider_ceiling_usd', '{"provider": "anthropic"}'), 100::numeric, 'beside its ceiling');
select tests.advance('10 minutes') \g /dev/null
select is(tests.metric('scrip_rollup_oldest_change_seconds'), 600::numeric, 'what the sums do not hold yet has an age');
select tests.reserve(:'ann_id') \g /dev/null
select tests.advance('1 hour') \g /dev/null
select is(tests.metric('scrip_holds_overdue'), 1::numeric, 'a hold that nobody ended is told');
select is(tests.metric('scrip_stripe_events_parked'), 0::numeric, 'no event of Stripe waits');
insert into playground.stripe_events (received_at, event_id, state, reason, payload) values (engine.now() - interval '5 minutes', 'evt_1', 'parked', 'unknown', '');
select is(tests.metric('scrip_stripe_event_oldest_parked_seconds'), 300::numeric, 'one that does tells since when');
select is(tests.metric('scrip_outbox_due', '{"outbox": "notices"}'), 0::numeric, 'outboxes tell what waits in them');

-- Prometheus takes a counter that falls for one that began anew, and adds all of it.
select tests.reserve(:'ann_id', repeat('word ', 3000)) as late_run \gset
select tests.advance('1 hour') \g /dev/null
select jobs.expire_holds(), jobs.roll_up() \g /dev/null
create table tests.before as select name, labels, value from engine.list_metrics() where kind = 'counter';
create view tests.fallen as
select name, labels from tests.before b left join engine.list_metrics() m using (name, labels) where m.value is null or m.value < b.value;
select tests.settle(:'ann_id', :'late_run', 1, 1) \g /dev/null
select is_empty('table tests.fallen', 'no counter falls when a run that nobody had settled answers late, for less than was thought');
select jobs.roll_up() \g /dev/null
select is_empty('table tests.fallen', 'nor when that is added up');
select is(
  (tests.metric('scrip_model_runs_total', '{"outcome": "late"}'), tests.metric('scrip_model_runs_total', '{"outcome": "abandoned"}'))::text,
  '(1,2)', 'it counts as late, and stays counted as abandoned');
select is_empty(
  $$ select name from engine.list_metrics() where name !~ '^scrip_[a-z_]+$' or kind not in ('counter', 'gauge') or (kind = 'counter') <> (name like '%\_total') $$,
  'names are of one form, and counters say that they are'
);
select * from finish();
rollback;
