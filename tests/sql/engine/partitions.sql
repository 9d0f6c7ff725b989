begin;
\ir ../helpers.psql
select plan(6);
create function tests.create_partition()
returns boolean
language sql
as $$ select engine.create_partition('answers', 'created_at', 'answers_y2031m11', '2031-11-01 00:00:00+00', '2031-12-01 00:00:00+00') $$;
insert into playground.answers (user_id, operation, idempotency_key, created_at, fingerprint, state)
values (gen_random_uuid(), 'run', 'k', '2031-12-01 00:00:00+00', '', 'running'), (gen_random_uuid(), 'run', 'k', '2031-10-31 23:59:59.999999+00', '', 'running');

select ok(tests.create_partition(), 'rows at the month''s edges do not belong to it');
select ok(not tests.create_partition(), 'it is made once');
select col_is_pk('playground', 'answers_y2031m11', array['user_id', 'operation', 'idempotency_key', 'created_at'], 'with the key of its table');
select ok(obj_description('playground.answers_y2031m11'::regclass) is not null, 'and says what it is for');
drop table playground.answers_y2031m11;
insert into playground.answers (user_id, operation, idempotency_key, created_at, fingerprint, state)
values (gen_random_uuid(), 'run', 'k', '2031-11-30 23:59:59.999999+00', '', 'running');
select ok(not tests.create_partition(), 'a month whose rows lie in the default partition is left there');
select hasnt_table('playground', 'answers_y2031m11', 'whole');
select * from finish();
rollback;
