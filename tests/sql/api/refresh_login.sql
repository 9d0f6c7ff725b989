begin;
\ir ../helpers.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user() as bob_id \gset
select api.record_login(:'ann_id', sha256('a1')) \g /dev/null
select api.record_login(:'ann_id', sha256('b1')) \g /dev/null

select is(refusal, null, 'a token is exchanged for the next one') from api.refresh_login(:'ann_id', sha256('a1'), sha256('a2'));
select is("user"::jsonb, api.get_user(:'ann_id')::jsonb, 'with the person as the API shows them') from api.refresh_login(:'ann_id', sha256('a2'), sha256('a3'));
select is(count(distinct family_id), 1::bigint, 'in one family') from playground.refresh_tokens where token_hash in (sha256('a1'), sha256('a2'), sha256('a3'));

select is(refusal, 'SCA04', 'another person''s token is not valid') from api.refresh_login(:'bob_id', sha256('a3'), sha256('x'));
select is(refusal, 'SCA04', 'an unknown token is not valid') from api.refresh_login(:'ann_id', sha256('?'), sha256('x'));
select is(refusal, 'SCA04', 'an unknown person''s token is not valid') from api.refresh_login(gen_random_uuid(), sha256('a3'), sha256('x'));
select is_empty('select * from playground.refresh_tokens where revoked_at is not null', 'and none of that ends a family');

select results_eq(
  format($$ select refusal, "user"::text from api.refresh_login(%L, sha256('a1'), sha256('stolen')) $$, :'ann_id'),
  $$ values ('SCA04', null::text) $$,
  'a token that was exchanged before is refused'
);
select is(refusal, 'SCA04', 'and ends its family, the newest token too') from api.refresh_login(:'ann_id', sha256('a3'), sha256('a4'));
select is_empty(format('select * from playground.refresh_tokens where token_hash in (sha256(%L), sha256(%L))', 'stolen', 'a4'), 'nothing new was issued');
select is(refusal, null, 'other sign-ins go on') from api.refresh_login(:'ann_id', sha256('b1'), sha256('b2'));

select tests.advance('30 days -1 second');
select is(refusal, null, 'a token is good until it expires') from api.refresh_login(:'ann_id', sha256('b2'), sha256('b3'));
select tests.advance('30 days');
select is(refusal, 'SCA04', 'and not at that very instant') from api.refresh_login(:'ann_id', sha256('b3'), sha256('b4'));
select is(revoked_at, null, 'an expired token ends no family') from playground.refresh_tokens where token_hash = sha256('b3');

select api.record_login(:'ann_id', sha256('c1')) \g /dev/null
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select is(refusal, 'SCA04', 'a deleted person''s token is not valid') from api.refresh_login(:'ann_id', sha256('c1'), sha256('c2'));
select is_empty($$ select * from playground.refresh_tokens where token_hash = sha256('c2') $$, 'and brings no other');

select * from finish();
rollback;
