begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(20);
select tests.freeze('2026-11-30 23:59:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.get_margin(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
create function tests.margin(p_month text default null)
returns jsonb
language sql
as $$ select api.get_margin(user_id, tests.token_of(user_id), null, p_month)::jsonb from playground.users where email = 'ann@example.com' $$;
select throws_ok(format('select tests.margin(%L)', month), 'SCV01', null, format('%s is no month', to_json(month)))
from (values (''), ('2026'), ('2026-13'), ('2026-00'), ('2026-1'), ('0000-01'), ('2026-11-01'), (e'2026-11\n'), ('now')) as listed (month);

select engine.refresh_analytics() \g /dev/null
select is(
  tests.margin(),
  '{"month": "2026-11", "models": [], "refreshedAt": "2026-11-30T23:59:00.000000Z",
    "total": {"runs": 0, "inputTokens": 0, "outputTokens": 0, "cacheReadTokens": 0, "cacheWriteTokens": 0, "credits": 0,
      "costUsd": 0, "revenueUsd": 0, "marginUsd": 0, "marginPercent": null}}',
  'a month in which nothing ran is this one''s when none is named');

select tests.make_package(), tests.buy(:'bob_id', 100, 10), admin.set_unlimited(:'bob_id', true, 'for a test') \g /dev/null
-- Two days of one model, the last run on the other side of the month's end; the signup credits go first.
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), p_input => 4000, p_output => 10) from generate_series(1, 4) \g /dev/null
select tests.reserve(:'bob_id', p_model => 'opus') as last_run \gset
select tests.advance('2 minutes') \g /dev/null
select tests.settle(:'bob_id', :'last_run', p_input => 8000, p_output => 100, p_cache_read => 7, p_cache_write => 3) \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), p_input => 100, p_output => 100) \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), p_input => 100, p_output => 100) \g /dev/null
select tests.advance('1 day') \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), p_input => 100, p_output => 100) \g /dev/null
select engine.roll_up() \g /dev/null
select is(tests.margin('2026-11') -> 'total' ->> 'runs', '0', 'figures are those of the cache, which says how old they are');
select engine.refresh_analytics() \g /dev/null
select is(tests.margin() ->> 'month', '2026-12', 'without one the month is that of now');
select is(
  jsonb_path_query_array(tests.margin('2026-11'), '$.models[*].model') || (tests.margin('2026-11') #> '{models,0}') - array['model', 'costUsd', 'marginUsd', 'marginPercent', 'revenueUsd'],
  '["opus", "sonnet", {"runs": 1, "credits": 5, "inputTokens": 8000, "outputTokens": 100, "cacheReadTokens": 7, "cacheWriteTokens": 3}]',
  'a run belongs to the month in which it began; what cost most comes first');
select is(
  (select jsonb_object_agg(month || ' ' || (m ->> 'model'), m - 'model') from (values ('2026-11'), ('2026-12')) as listed (month) cross join jsonb_array_elements(tests.margin(month) -> 'models') as m),
  (select jsonb_object_agg(month || ' ' || model, figures)
    from (
      select to_char(reserved_at at time zone 'UTC', 'YYYY-MM') as month, model, jsonb_build_object(
        'runs', count(*), 'inputTokens', sum(input_tokens), 'outputTokens', sum(output_tokens), 'cacheReadTokens', sum(cache_read_tokens), 'cacheWriteTokens', sum(cache_write_tokens),
        'credits', sum(charged), 'costUsd', trim_scale(sum(cost_usd + budget_usd)), 'revenueUsd', trim_scale(sum(paid)), 'marginUsd', trim_scale(sum(paid) - sum(cost_usd + budget_usd)),
        'marginPercent', trim_scale(round(100 * (sum(paid) - sum(cost_usd + budget_usd)) / nullif(sum(paid), 0), 2))) as figures
      from (
        select u.*, h.charged, (
          select coalesce(sum(-t.amount) filter (where g.source = 'purchase'), 0) * 0.1
          from playground.transaction_parts t
          join playground.grants g using (account_id, grant_id)
          where t.account_id = h.account_id and t.number = h.spend_number) as paid
        from playground.usage u
        join playground.holds h using (account_id, hold_id)
      ) as run
      group by 1, 2
    ) as counted),
  'each model''s figures are those of its runs, one by one; free credits earn nothing');
select is(
  (select jsonb_build_object('runs', sum((m ->> 'runs')::bigint), 'credits', sum((m ->> 'credits')::bigint), 'inputTokens', sum((m ->> 'inputTokens')::bigint), 'costUsd', trim_scale(sum((m ->> 'costUsd')::numeric)),
      'revenueUsd', trim_scale(sum((m ->> 'revenueUsd')::numeric)), 'marginUsd', trim_scale(sum((m ->> 'marginUsd')::numeric)))
    from jsonb_array_elements(tests.margin('2026-11') -> 'models') as m),
  (tests.margin('2026-11') -> 'total') - array['marginPercent', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'], 'the total is that of the rows shown');
select is(tests.margin('2026-11') ->> 'refreshedAt', '2026-12-02T00:01:00.000000Z', 'and the age is said');
select is(tests.margin('9999-12') -> 'models', '[]', 'of a month that has not been there is nothing');
select * from finish();
rollback;
