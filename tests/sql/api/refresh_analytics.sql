begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.refresh_analytics(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

select engine.refresh_analytics() \g /dev/null
select tests.advance('10 minutes') \g /dev/null
select is(api.refresh_analytics(:'ann_id', :'token', 'request-1')::jsonb, '{"refreshedAt": "2026-11-20T12:10:00.000000Z"}', 'the figures are those of now');
select is((select refreshed_at from rollup.refreshes where name = 'user_cost_analytics'), '2026-11-20 12:10:00+00', 'as the views say themselves');
select is((action, acting_user_id, request_id)::text, ('refresh_analytics', :'ann_id', 'request-1')::text, 'who asked is kept') from playground.audit_log where acting_user_id is not null;
select * from finish();
rollback;
