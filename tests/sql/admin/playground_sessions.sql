begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(7);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.1) \g /dev/null

select isnt_empty('select from playground.sessions where runs > 1', 'some conversations have several exchanges');
select set_eq(
  'select id, user_id, package_id, credits_spent, model, created_at from admin.playground_sessions',
  'select session_id, user_id, package_id, credits_spent::bigint, model, created_at from playground.sessions',
  'each conversation is one row'
);
-- Against what the person sees.
select is_empty(
  $$ select s.id
     from admin.playground_sessions s
     where (select json_agg(m -> 'content' order by place) from json_array_elements(s.conversation) with ordinality as said (m, place))::text
       is distinct from (select json_agg(m -> 'content' order by (m ->> 'number')::integer) from json_array_elements(api.get_session(s.user_id, s.id) -> 'conversation') as m)::text $$,
  'with its messages in order, as the person sees them'
);
select is_empty(
  $$ select from admin.playground_sessions s
     where json_array_length(conversation) <> (select count(*) from playground.messages m where m.user_id = s.user_id and m.session_id = s.id) $$,
  'all of them, and no others'
);
select bag_eq(
  $$ select attname::text from pg_attribute where attrelid = 'admin.playground_sessions'::regclass and attnum > 0 $$,
  array['id', 'user_id', 'package_id', 'conversation', 'credits_spent', 'model', 'share_token', 'created_at'], 'runbooks find the columns they name'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.playground_sessions') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'delete from admin.playground_sessions') $$, 'SCL01', null, 'and take nothing away');
select * from finish();
rollback;
