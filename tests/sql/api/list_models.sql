begin;
\ir ../helpers.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');

select is(
  (api.list_models() -> 'models' -> 0)::jsonb,
  '{"alias": "sonnet", "provider": "anthropic", "multiplier": 1, "typicalCredits": 1, "available": true}'::jsonb,
  'a model on offer, under its alias'
);
select is(
  (select string_agg(format('%s %s %s', model ->> 'alias', model ->> 'multiplier', model ->> 'typicalCredits'), ', ')
   from json_array_elements(api.list_models() -> 'models') as listed (model)),
  'sonnet 1 1, opus 5 5, gpt-4o 2 2, gpt-4o-mini 0.5 1, gpt-4-turbo 2 2',
  'all in the operators'' order, with what a typical answer costs'
);
update playground.models set is_enabled = false where model = 'opus';
insert into playground.models (model, provider, provider_model, multiplier, position) values ('new', 'openai', 'new', 1, 9);
insert into playground.model_prices values ('new', '2026-11-20 12:00:01+00', 1, 1, 1, 1);
select is(
  (select jsonb_object_agg(model ->> 'alias', model -> 'reason') from json_array_elements(api.list_models() -> 'models') as listed (model)
   where not (model ->> 'available')::boolean),
  '{"opus": "switched off", "new": "no price yet"}'::jsonb,
  'a model that is not available says why'
);
select tests.advance('1 second');
select is(
  (select model ->> 'available' from json_array_elements(api.list_models() -> 'models') as listed (model) where model ->> 'alias' = 'new'),
  'true',
  'a price counts from its very instant'
);

-- gpt-4o-mini answers with at most 0.009830 dollars, gpt-4o with many times that.
update playground.providers set stops_at_ceiling = true, daily_ceiling_usd = 1 where provider = 'openai';
create function tests.used_up()
returns text
language sql
as $$ select string_agg(model ->> 'alias', ', ') from json_array_elements(api.list_models() -> 'models') as listed (model) where model ->> 'reason' = 'used up for today' $$;
insert into playground.provider_spend values ('openai', '2026-11-20 00:00:00+00', 1, 0.99);
select is(tests.used_up(), 'gpt-4o, gpt-4-turbo', 'a model whose whole answer would pass the ceiling is used up');
update playground.provider_spend set cost_usd = 1;
select is(tests.used_up(), 'gpt-4o, gpt-4o-mini, gpt-4-turbo, new', 'at the ceiling all of its provider are');

select * from finish();
rollback;
