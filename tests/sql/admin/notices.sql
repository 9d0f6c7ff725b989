begin;
\ir ../helpers.psql
select plan(3);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select engine.write_notice(:'ann_id', 'test', 'x', '{"code": "secret"}', engine.now(), 'somebody@scrip.example') \g /dev/null
select is(format('%s %s %s', user_id, state, attempts), :'ann_id' || ' due 0', 'to whom, and how far it came') from admin.notices where kind = 'test';
select is(row_to_json(n)::text !~ 'secret|@', true, 'neither addresses nor contents') from admin.notices n where kind = 'test';
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.notices') $$, 'operators read it');
select * from finish();
rollback;
