begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.get_user_costs(%1$L, %2$L, null, %3$L)', id, token, :'bob_id'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

select is(api.get_user_costs(:'ann_id', :'token', null, :'bob_id')::jsonb, engine.user_costs_json(:'bob_id')::jsonb, 'what a person costs, may cost and is kept from');
select throws_ok(format('select api.get_user_costs(%L, %L, null, %L)', :'ann_id', :'token', gen_random_uuid()), 'SCN03', null, 'of nobody there is nothing');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'bob_id';
select throws_ok(format('select api.get_user_costs(%L, %L, null, %L)', :'ann_id', :'token', :'bob_id'), 'SCN03', null, 'nor of who was deleted');
select * from finish();
rollback;
