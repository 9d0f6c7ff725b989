begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(35);
select tests.freeze('2026-11-20 12:34:56.5+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
create function tests.alerts(p_user_id uuid)
returns text[]
language sql
as $$ select array_agg(format('%s %s', kind, engine.iso(window_starts_at)) order by kind, window_starts_at) from playground.alerts where user_id = p_user_id $$;

-- By an operator.
select admin.throttle(:'ann_id', 'too much', '2026-11-20 12:35:00+00') \g /dev/null
select is((t.refusal, t.refusal_message)::text, ('SCT01', 'Runs are paused for this account.')::text, 'who is throttled is told so, and not why') from engine.throttle_refusal(:'ann_id', engine.now()) as t;
select is(
  t.refusal_detail::jsonb,
  '{"limitSource": "operator", "limit": null, "used": null, "resetsAt": "2026-11-20T12:35:00.000000Z", "hint": "Runs resume by themselves.", "retryAfter": 4}'::jsonb,
  'but until when, rounded up to whole seconds'
)
from engine.throttle_refusal(:'ann_id', engine.now()) as t;
select is(tests.alerts(:'ann_id'), array['throttled 2026-11-20T12:34:56.500000Z'], 'one alert a throttle');
select tests.advance('1 minute'), admin.throttle(:'ann_id', 'for good') \g /dev/null
select is(
  t.refusal_detail::jsonb,
  '{"limitSource": "operator", "limit": null, "used": null, "resetsAt": null, "hint": "Contact support to have runs resumed.", "retryAfter": 3600}'::jsonb,
  'without an end one may ask again each hour'
)
from engine.throttle_refusal(:'ann_id', engine.now()) as t;
select is(cardinality(tests.alerts(:'ann_id')), 2, 'the next throttle has an alert of its own');

-- By a limit.
create function tests.refuse_by(p_user_id uuid, p_limit_source text, p_used numeric, p_limit numeric, p_is_binding boolean default true, p_room numeric default 0)
returns jsonb
language sql
as $$
  select to_jsonb(l)
  from engine.limit_refusal(
    p_user_id, '2026-11-20 23:59:59.000001+00', p_limit_source, p_used, p_limit, '2026-11-20 00:00:00+00', '2026-11-21 00:00:00+00', p_is_binding, p_room) as l
$$;
select is(
  tests.refuse_by(:'bob_id', 'cost_day', 0.090000000000, 0.10),
  '{"refusal": "SCT02", "refusal_message": "The cost limit of today is used up.", "refusal_detail": {
    "limitSource": "cost_day", "limit": 0.1, "used": 0.09, "resetsAt": "2026-11-21T00:00:00.000000Z", "retryAfter": 1,
    "hint": "Buying credits or PRPM+ raises the limit."}}'::jsonb,
  'a limit is told with what was used, its end and what helps'
);
-- 0.0006144 US dollars: the shortest answer of the cheapest model.
select is(
  tests.refuse_by(:'bob_id', limit_source, 0.09, 0.1, p_room => room) ->> 'refusal_message', message, format('%s with %s left: %s', limit_source, room, message)
)
from (values
  ('cost_day', 0.0006144, 'This run does not fit into what is left of the cost limit of today.'),
  ('cost_day', 0.0006143, 'The cost limit of today is used up.'),
  ('cost_month', 0.01, 'This run does not fit into what is left of the cost limit of this month.'),
  ('own_cap', 0.01, 'This run does not fit into what is left of your own cap of this month.'),
  ('own_cap', 0.0001, 'Your own cap of this month is used up.')
) as listed (limit_source, room, message);
select is(
  tests.refuse_by(:'bob_id', 'cost_day', 0.09, 0.1, p_room => 0.01) -> 'refusal_detail' ->> 'hint', 'A shorter request may still fit. Buying credits or PRPM+ raises the limit.',
  'where something is left, a shorter request is said to help'
);
select is(tests.refuse_by(:'bob_id', 'cost_month', 0.5, 0.5) ->> 'refusal_message', 'The cost limit of this month is used up.', 'the month''s');
select is(
  (tests.refuse_by(:'bob_id', 'runs_hour', 10, 10) -> 'refusal_detail')::text,
  '{"hint": "Wait for the next hour, or subscribe to PRPM+ for more runs.", "used": 10, "limit": 10, "resetsAt": "2026-11-21T00:00:00.000000Z", "retryAfter": 1, "limitSource": "runs_hour"}',
  'the hour''s'
);
select is(
  tests.refuse_by(:'bob_id', 'runs_hour', 0, null) -> 'refusal_detail' ->> 'hint', 'No limit is set for your tier. Contact support.', 'and one that was never set'
);
select tests.refuse_by(:'bob_id', 'cost_day', 0.1, 0.10) \g /dev/null
select is(
  tests.alerts(:'bob_id'),
  array['limit_exceeded_cost_day 2026-11-20T00:00:00.000000Z', 'limit_exceeded_cost_month 2026-11-20T00:00:00.000000Z', 'limit_exceeded_own_cap 2026-11-20T00:00:00.000000Z', 'limit_exceeded_runs_hour 2026-11-20T00:00:00.000000Z'],
  'one alert a limit and window, however often it refuses'
);
select is(details, '{"used": 0.09, "limit": 0.1, "refused": true}'::jsonb, 'written at the first refusal') from playground.alerts where user_id = :'bob_id' and kind = 'limit_exceeded_cost_day';
select tests.make_user() as eve_id \gset
select is(tests.refuse_by(:'eve_id', 'cost_day', 0.2, 0.1, false), '{"refusal": null, "refusal_message": null, "refusal_detail": null}'::jsonb, 'a shadow limit refuses nobody');
select is(details, '{"used": 0.2, "limit": 0.1, "refused": false}'::jsonb, 'and is recorded') from playground.alerts where user_id = :'eve_id';

-- For want of credits.
select is(
  to_jsonb(engine.credit_refusal(5, 3)),
  '{"refusal": "SCC01", "refusal_message": "This run needs at least 5 credits; 3 are available.", "refusal_detail": {
    "required": 5, "available": 3, "purchaseUrl": "http://localhost:8080/playground/credits/buy"}}'::jsonb,
  'who lacks credits is told how many, and where there are more'
);
select admin.set_setting('frontend_url', 'https://scrip.example/app', 'for a test') \g /dev/null
select is((engine.credit_refusal(5, 3)).refusal_detail ->> 'purchaseUrl', 'https://scrip.example/app/playground/credits/buy', 'at the platform''s own address');

-- An API key.
select tests.freeze('2026-11-20 12:00:00+00');
select api.create_api_key(:'ann_id', 'test', sha256('secret'), 'cret', tests.token_of(:'ann_id')) ->> 'id' as key_id \gset
select lives_ok(format('select engine.check_api_key(%L, sha256(%L), engine.now())', :'ann_id', 'secret'), 'an own key opens');
select is(last_used_at, '2026-11-20 12:00:00+00', 'and knows when') from playground.api_keys where key_id = :'key_id';
select engine.check_api_key(:'ann_id', sha256('secret'), '2026-11-20 13:00:00+00') \g /dev/null
select is(last_used_at, '2026-11-20 12:00:00+00', 'to the hour') from playground.api_keys where key_id = :'key_id';
select engine.check_api_key(:'ann_id', sha256('secret'), '2026-11-20 13:00:00.000001+00') \g /dev/null
select is(last_used_at, '2026-11-20 13:00:00.000001+00', 'not less') from playground.api_keys where key_id = :'key_id';
select throws_ok(format('select engine.check_api_key(%L, sha256(%L), engine.now())', user_id, secret), 'SCA01', null, about)
from (values
  (:'ann_id', 'Secret', 'another secret does not'), (:'ann_id', '', 'nor an empty one'), (:'bob_id', 'secret', 'nor another person''s')
) as listed (user_id, secret, about);
select throws_ok(format('select engine.check_api_key(%L, null, engine.now())', :'ann_id'), 'SCA01', null, 'nor none');
select throws_ok(format('select engine.check_api_key(%L, sha256(%L), engine.now())', gen_random_uuid(), 'secret'), 'SCA01', null, 'nor a stranger''s');
select api.delete_api_key(:'ann_id', :'key_id') \g /dev/null
select throws_ok(format('select engine.check_api_key(%L, sha256(%L), engine.now())', :'ann_id', 'secret'), 'SCA01', null, 'nor one that was revoked');
select is(last_used_at, '2026-11-20 13:00:00.000001+00', 'whose last use stays') from playground.api_keys where key_id = :'key_id';
select is(revoked_at is not null, true, 'and whose end is kept') from playground.api_keys where key_id = :'key_id';
-- What will refuse a run, without refusing it: the same as reserve_run does, in the same order.
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user_with(20) as joe_id \gset
create function tests.foresee(p_user_id uuid, p_model text default 'sonnet')
returns text
language sql
as $$ select coalesce(limit_source, 'starts') from engine.foresee_refusal(p_user_id, p_model, 1, engine.now()) $$;
create function tests.try_run(p_user_id uuid, p_model text default 'sonnet')
returns text
language plpgsql
as $$
declare
  v_run jsonb;
  v_became text;
begin
  v_run := tests.reserve(p_user_id, p_user_input => 'x', p_model => p_model, p_use_no_prompt => true);
  v_became := case v_run ->> 'refusal'
    when 'SCT01' then 'operator' when 'SCT02' then v_run -> 'refusal_detail' ->> 'limitSource' when 'SCM02' then 'provider' when 'SCC01' then 'credits' else 'starts' end;
  raise sqlstate 'UNDO1' using message = v_became;
exception
  when sqlstate 'UNDO1' then return sqlerrm;
  when sqlstate 'SCM02' then return 'model';
end $$;
create function tests.spend_at_random(p_user_id uuid)
returns void
language plpgsql
as $$
declare
  v_day numeric := round((random() ^ 2 * 0.11)::numeric, 4);
begin
  delete from playground.cost_windows where user_id = p_user_id;
  insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, budget_usd, runs, is_exempt)
  values
    (p_user_id, 'month', '2026-11-01 00:00:00+00', v_day + round((random() * 0.45)::numeric, 4), round((random() * 0.3)::numeric, 4), 99, random() < 0.1),
    (p_user_id, 'day', '2026-11-20 00:00:00+00', v_day, 0, 99, random() < 0.1),
    (p_user_id, 'hour', '2026-11-20 12:00:00+00', v_day, 0, 6 + floor(random() * 6), random() < 0.1);
  update playground.users
  set cost_cap_usd = case when random() < 0.4 then round((random() * 0.6)::numeric, 4) end, is_unlimited = random() < 0.1,
    (throttled_at, throttled_reason) = (select case when is_so then engine.now() end, case when is_so then 'for a test' end from (select random() < 0.1 as is_so) as chance)
  where user_id = p_user_id;
  update playground.accounts set cost_budget_usd = case when random() < 0.3 then round((random() * 0.1)::numeric, 4) else 0 end where account_id = p_user_id;
  update playground.tiers set throttle_on_exceed = random() < 0.9, is_active = random() < 0.95 where tier = 'free';
  update playground.providers set is_enabled = random() < 0.95, stops_at_ceiling = random() < 0.1, daily_ceiling_usd = 0 where provider = 'anthropic';
  update playground.models set is_enabled = random() < 0.95 where model = 'sonnet';
end $$;
create temporary table tried (foreseen text, became text);
select setseed(0.5) \g /dev/null
create function tests.try_often(p_user_id uuid)
returns void
language plpgsql
as $$
begin
  for v_i in 1 .. 300 loop
    perform tests.spend_at_random(p_user_id);
    insert into tried values (tests.foresee(p_user_id, 'sonnet'), tests.try_run(p_user_id, 'sonnet'));
  end loop;
end $$;
select tests.try_often(:'joe_id') \g /dev/null
select is_empty('select * from tried where foreseen <> became', 'in 300 states what is foreseen is what happens');
select is(
  array_agg(distinct became order by became), array['cost_day', 'cost_month', 'model', 'operator', 'own_cap', 'provider', 'runs_hour', 'starts'], 'of each kind'
)
from tried;
select * from finish();
rollback;
