begin;
\ir ../helpers.psql
select plan(5);
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select api.record_login(:'ann_id', sha256('a1')) \g /dev/null
select api.record_login(:'ann_id', sha256('b1')) \g /dev/null
select api.refresh_login(:'ann_id', sha256('a1'), sha256('a2')) \g /dev/null

select lives_ok(format('select api.record_logout(%L, sha256(%L))', :'ann_id', '?'), 'an unknown token needs no ending');
select api.record_logout(:'bob_id', sha256('a2')) \g /dev/null
select is_empty('select * from playground.refresh_tokens where revoked_at is not null', 'nobody ends another person''s tokens');

select api.record_logout(:'ann_id', sha256('a1')) \g /dev/null
select is(refusal, 'SCA04', 'the whole family ends, whichever of its tokens comes') from api.refresh_login(:'ann_id', sha256('a2'), sha256('a3'));
select is(refusal, null, 'other sign-ins go on') from api.refresh_login(:'ann_id', sha256('b1'), sha256('b2'));
select lives_ok(format('select api.record_logout(%L, sha256(%L))', :'ann_id', 'a2'), 'twice is as good as once');

select * from finish();
rollback;
