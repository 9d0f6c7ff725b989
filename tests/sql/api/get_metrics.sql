begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(3);
select tests.freeze('2026-11-20 12:00:00+00');
select is(
  (select metric -> 'samples' from json_array_elements(api.get_metrics()) as metric where metric ->> 'name' = 'scrip_provider_enabled')::jsonb,
  '[{"labels": {"provider": "anthropic"}, "value": 1}, {"labels": {"provider": "openai"}, "value": 1}]',
  'a metric comes once, with all its samples'
);
select is(
  (select (metric ->> 'kind') || ': ' || (metric ->> 'help') from json_array_elements(api.get_metrics()) as metric where metric ->> 'name' = 'scrip_holds_open'),
  'gauge: Runs under way',
  'and says what it is'
);
select is(
  (select count(*) from json_array_elements(api.get_metrics())),
  (select count(distinct name) from engine.list_metrics()),
  'none is left out'
);
select * from finish();
rollback;
