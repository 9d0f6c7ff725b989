begin;
\ir ../helpers.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');
select admin.set_request_limit('writes', 'user', 2, '1 minute', 'x'), admin.set_request_limit('login', 'address', null, null, 'x') \g /dev/null
select gen_random_uuid() as ann_id, gen_random_uuid() as bob_id \gset
select api.count_request(:'ann_id', 'writes', '192.0.2.1'), api.count_request(:'bob_id', 'writes', '192.0.2.1') \g /dev/null
select api.count_request(:'ann_id', 'writes', null) \g /dev/null

select results_eq(
  'select class, subject_kind, requests, per, subjects, full_subjects from admin.request_limits order by 1, 2',
  $$ values
    ('login', 'address', null::integer, interval '5 minutes', 0::bigint, 0::bigint), ('public_reads', 'address', 300, '1 minute', 0, 0),
    ('purchase', 'address', 120, '1 minute', 0, 0), ('purchase', 'user', 30, '1 minute', 0, 0),
    ('register', 'address', 10, '1 hour', 0, 0),
    ('writes', 'address', 600, '1 minute', 1, 0), ('writes', 'user', 2, '1 minute', 2, 1) $$,
  'operators see each limit, how many people or addresses use some of it, and how many all of it'
);
select tests.freeze('2026-11-20 12:00:30+00');
select is((subjects, full_subjects)::text, '(1,0)', 'now') from admin.request_limits where (class, subject_kind) = ('writes', 'user');
select lives_ok($$ select tests.run_as('scrip_operator', 'select from admin.request_limits') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.request_limits set requests = null') $$, 'SCL01', null, 'and change them by a function only, which asks why');
select * from finish();
rollback;
