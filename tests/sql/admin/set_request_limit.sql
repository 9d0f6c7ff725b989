begin;
\ir ../helpers.psql
select plan(26);
select tests.freeze('2026-11-20 12:00:00+00');
create function tests.limit_of(p_class text, p_subject_kind text)
returns text
language sql
as $$ select requests || ' per ' || per from playground.request_limits where class = p_class and subject_kind = p_subject_kind $$;

select results_eq(
  'select class, subject_kind, requests, per from playground.request_limits order by 1, 2',
  $$ values
    ('login', 'address', 30, interval '5 minutes'), ('public_reads', 'address', 300, '1 minute'),
    ('purchase', 'address', 120, '1 minute'), ('purchase', 'user', 30, '1 minute'),
    ('register', 'address', 10, '1 hour'),
    ('writes', 'address', 600, '1 minute'), ('writes', 'user', 120, '1 minute') $$,
  'what is in force until somebody changes it'
);
select admin.set_request_limit('register', 'address', 60, '1 day', ' a school ') \g /dev/null
select is(tests.limit_of('register', 'address'), '60 per 24:00:00', 'a limit is changed; a day is 24 hours');
select is(
  (actor, user_id, subject, before, after, reason)::text,
  (session_user, null::uuid, 'register address', '{"per": "01:00:00", "requests": 10}', '{"per": "24:00:00", "requests": 60}', 'a school')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_request_limit';
select admin.set_request_limit('register', 'address', 5, null, 'the school is over') \g /dev/null
select is(tests.limit_of('register', 'address'), '5 per 24:00:00', 'without a time it stays as it is');
select admin.set_request_limit('writes', 'user', null, null, 'a load test') \g /dev/null
select is((requests, per)::text, '(,00:01:00)', 'without a number nothing is limited') from playground.request_limits where (class, subject_kind) = ('writes', 'user');
select is(tests.limit_of('writes', 'address'), '600 per 00:01:00', 'but what was named');

select throws_ok(format('select admin.set_request_limit(%L, %L, 1, null, %L)', class, kind, 'x'), 'SCD01', null, format('there is no limit of %s by %s', class, kind))
from (values ('run', 'user'), ('login', 'user'), ('writes', 'users'), ('', ''), (null, 'user'), ('writes', null)) as listed (class, kind);
select throws_ok(
  format('select admin.set_request_limit(%L, %L, %L, %L, %L)', 'writes', 'user', requests, per, 'x'), 'SCD02', null,
  format('%s per %s is no limit', requests, per))
from (values
  (0, '1 minute'), (-1, '1 minute'), (100001, '1 minute'), (1, '0 seconds'), (1, '0.999 seconds'), (1, '-1 hour'),
  (1, '1 day 1 second'), (1, '1 month'), (1, '100000 years'), (null, '2 days')
) as listed (requests, per);
select lives_ok(format('select admin.set_request_limit(%L, %L, %L, %L, %L)', 'writes', 'user', requests, per, 'x'), format('%s per %s is one', requests, per))
from (values (1, '1 second'), (100000, '24 hours')) as listed (requests, per);
select throws_ok($$ select admin.set_request_limit('writes', 'user', 1, null, ' ') $$, 'SCD03', null, 'a reason must be given');
select is(count(*), 5::bigint, 'what is refused leaves no trace') from playground.audit_log where action = 'set_request_limit';
select * from finish();
rollback;
