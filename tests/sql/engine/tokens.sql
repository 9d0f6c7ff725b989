begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(106);
select tests.freeze('2026-11-20 12:00:00+00');
\set ann_id '0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10'
\set secret 'a-secret-of-tests-with-enough-bytes-in-it'
\set header '{"alg":"HS256","typ":"JWT"}'
\set claims '{"iss":"scrip","aud":"scrip-api","sub":"0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10","iat":1795176000,"nbf":1795176000,"exp":1795176900,"jti":"0123456789abcdef01234567"}'
-- Made by PyJWT of these claims: with this secret, with an older one, and by other algorithms with this one.
\set head eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9
\set body eyJpc3MiOiJzY3JpcCIsImF1ZCI6InNjcmlwLWFwaSIsInN1YiI6IjBlNWJmNGM4LTNhNTItNGEzYi05YzVlLTBjN2EzZDllNGYxMCIsImlhdCI6MTc5NTE3NjAwMCwibmJmIjoxNzk1MTc2MDAwLCJleHAiOjE3OTUxNzY5MDAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2NyJ9
select :'head' || '.' || :'body' || '.eIe-HY5Qe-hjCOuznraUi2HjTliASenp7vuJZf1TM3A' as token,
  :'head' || '.' || :'body' || '.qwpZoFPeaMTQE1GZYyEd7aTZMdGQdPQA88iK55rGsdk' as older,
  'eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.' || :'body' || '.gxcRmYoqY4605nsojWXd1ZfYVyfRKkrm3y4jxbnFEaBcT8yiH8cEfTPAJP982AgrRYgHLHUlj8SWEYYMC5ZGow' as hs512,
  'eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.' || :'body' || '.8SJRmT6sHqOpa70D8TxWOCYeTe5APC2RulCNUojZvq1OwUdfjHzroUiPI51WMYMB' as hs384,
  'eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.' || :'body' || '.' as unsigned \gset
create function tests.verdict(p_token text, p_user_id uuid default '0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10')
returns text
language plpgsql
as $$
begin
  perform engine.verify_bearer(p_user_id, p_token);
  return 'good';
exception
  -- Only what is refused properly: anything else is an error of this test.
  when sqlstate 'SCA01' then
    return 'refused';
end $$;
create function tests.claims(p_changes json)
returns text
language sql
as $$
  select json_object_agg(key, coalesce(new.value, old.value))::text
  from json_each('{"iss":"scrip","aud":"scrip-api","sub":"0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10","iat":1795176000,"nbf":1795176000,"exp":1795176900,"jti":"a"}'::jsonb::json) as old
  full join json_each(p_changes) as new using (key)
  where new.value::text is distinct from 'null'
$$;
comment on function tests.claims(json) is 'Good claims with changes; null leaves one out.';

select is(tests.verdict(:'token'), 'refused', 'where no secret was told, no token is one');
select admin.set_token_secret(:'secret', 'for a test') \g /dev/null
select is(tests.verdict(:'token'), 'good', 'a token that PyJWT made is its person''s');
select is(tests.sign(:'header', :'claims'), :'token', 'and is what the helper of these tests makes');
select is(tests.verdict(:'token', gen_random_uuid()), 'refused', 'nobody else''s');
select is(tests.verdict(:'token', null), 'refused', 'and not nobody''s');
select is(tests.verdict(tests.sign(:'header', tests.claims('{}'))), 'good', 'the order of the claims is free');
select is(tests.verdict(tests.sign(:'header', tests.claims('{"extra": {"a": [1]}}'))), 'good', 'and there may be others');
select is(tests.verdict(tests.sign('{"alg": "HS256"}', :'claims')), 'good', 'the header''s typ may be missing');

-- who signed
select is(tests.verdict(:'older'), 'refused', 'a secret that was never told signs nothing');
select admin.set_token_secret('an-older-secret-of-tests-with-enough-bytes', 'rolled') \g /dev/null
select is(tests.verdict(:'older') || tests.verdict(:'token'), 'goodgood', 'after a change tokens of both secrets are good');
select tests.freeze('2026-11-21 12:00:00+00');
select is(tests.verdict(tests.sign(:'header', tests.claims('{"exp": 1795262401}'), 'an-older-secret-of-tests-with-enough-bytes')), 'good', 'the new one''s for as long as it is the current one');
select is(tests.verdict(tests.sign(:'header', tests.claims('{"exp": 1795262401}'))), 'refused', 'the old one''s until the overlap has passed');
select tests.freeze('2026-11-20 12:00:00+00');
select admin.set_token_secret(null, 'leaked') \g /dev/null
select is(tests.verdict(:'older') || tests.verdict(:'token'), 'refusedrefused', 'when all are ended, at once');
select admin.set_token_secret(:'secret', 'new') \g /dev/null

-- when
select is(tests.verdict(tests.sign(:'header', tests.claims(changes::json))), verdict, format('%s is %s', changes, verdict))
from (values
  ('{"exp": 1795175996}', 'good'), ('{"exp": 1795175995}', 'refused'), ('{"exp": 0}', 'refused'), ('{"exp": 999999999999}', 'good'),
  ('{"nbf": 1795176005}', 'good'), ('{"nbf": 1795176006}', 'refused'), ('{"iat": 1795176005}', 'good'), ('{"iat": 1795176006}', 'refused')
) as listed (changes, verdict);

-- what it says
select is(tests.verdict(tests.sign(:'header', tests.claims(format('{"%s": null}', claim)::json))), 'refused', format('%s is required', claim))
from unnest(array['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti']) as claim;
select is(tests.verdict(tests.sign(:'header', tests.claims(changes::json))), 'refused', format('not with %s', changes))
from (values
  ('{"iss": "someone"}'), ('{"iss": ["scrip"]}'), ('{"aud": "another-api"}'), ('{"aud": ["scrip-api"]}'), ('{"sub": "admin"}'), ('{"sub": ""}'),
  ('{"sub": "0E5BF4C8-3A52-4A3B-9C5E-0C7A3D9E4F10"}'), ('{"sub": "0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10\n"}'), ('{"sub": 1}'), ('{"jti": 7}'),
  ('{"exp": "1795176900"}'), ('{"exp": 1e999}'), ('{"exp": 1795176900.5}'), ('{"exp": 1.7951769e9}'), ('{"exp": -1}'), ('{"exp": true}'),
  ('{"exp": [1795176900]}'), ('{"exp": 99999999999999999999}'), ('{"nbf": "1795176000"}'), ('{"nbf": -0}'), ('{"iat": {}}')
) as listed (changes);

-- how it is made: each of these is signed by who holds the secret
select is(tests.verdict(tests.sign(header, claims)), 'refused', format('not %s with %s', left(header, 40), left(claims, 40)))
from (values
  ('{"alg":"none","typ":"JWT"}', :'claims'), ('{"alg":"hs256","typ":"JWT"}', :'claims'), ('{"alg":"HS512","typ":"JWT"}', :'claims'),
  ('{"alg":["HS256"]}', :'claims'), ('{"alg":null}', :'claims'), ('{"typ":"JWT"}', :'claims'), ('{}', :'claims'), ('"HS256"', :'claims'), ('[]', :'claims'),
  ('null', :'claims'), ('{"alg":"HS256","typ":"JWS"}', :'claims'), ('{"alg":"HS256","crit":["b64"]}', :'claims'), ('{"alg":"HS256","kid":"1"}', :'claims'),
  ('{"alg":"HS256","alg":"HS256"}', :'claims'), ('{"alg":"none","alg":"HS256"}', :'claims'), ('{"alg":"HS256\u0000"}', :'claims'), ('HS256', :'claims'),
  (:'header', '{}'), (:'header', '[]'), (:'header', '7'), (:'header', 'NaN'), (:'header', '%'), (:'header', :'claims' || ' x'),
  (:'header', repeat('[', 1200)), (:'header', repeat('{"a":', 200) || '1' || repeat('}', 200)),
  (:'header', replace(:'claims', '}', ',"sub":"0e5bf4c8-3a52-4a3b-9c5e-0c7a3d9e4f10"}')), (:'header', replace(:'claims', '}', ',"exp":1795176901}')),
  (:'header', replace(:'claims', '"scrip"', '"scrip\u0000"')), (:'header', replace(:'claims', '"scrip"', '"\ud800"')),
  (:'header', replace(:'claims', 'iss":', 'iss\u0000":')), (:'header', replace(:'claims', '0123456789abcdef01234567', repeat('j', 1500)))
) as listed (header, claims);
select is(tests.verdict(made || '.' || tests.base64url(ext.hmac(convert_to(made, 'UTF8'), convert_to(:'secret', 'UTF8'), 'sha256'))), 'refused', 'not with claims that are not UTF-8')
from (select :'head' || '.' || tests.base64url('\xff7b7d')) as listed (made);

-- what is no token at all
select is_empty(
  $$ select left(token, 20) from (values (null), (''), ('.'), ('..'), ('a.b.c'), (repeat('x', 100000)), ('é.é.é'), (repeat('scrip_', 500))) as listed (token) where tests.verdict(token) <> 'refused' $$,
  'nonsense is nobody''s');
select is(tests.verdict(token), 'refused', 'not by another algorithm, or none')
from (values (:'hs512'), (:'hs384'), (:'unsigned'), (:'unsigned' || 'eIe-HY5Qe-hjCOuznraUi2HjTliASenp7vuJZf1TM3A')) as listed (token);
select is((select count(*) from generate_series(0, length(:'token') - 1) as cut where tests.verdict(left(:'token', cut)) = 'good'), 0::bigint, 'no part of a token is one');
select is(
  (select count(*) from generate_series(1, length(:'token')) as place
   where tests.verdict(overlay(:'token' placing case when substr(:'token', place, 1) = 'A' then 'Q' else 'A' end from place for 1)) = 'good'),
  0::bigint, 'no character of it may be another, the very last included');
select is(tests.verdict(token), 'refused', 'nor may there be more of it')
from (values (:'token' || '='), (:'token' || E'\n'), (' ' || :'token'), (:'token' || '.'), (translate(:'token', '-_', '+/'))) as listed (token);

-- API keys
select tests.make_user() as bob_id \gset
select replace(:'bob_id', '-', '') as bob_hex, repeat('k', 43) as key_secret \gset
insert into playground.api_keys (user_id, key_id, secret_hash, name, hint, created_at)
values (:'bob_id', gen_random_uuid(), sha256(convert_to(:'key_secret', 'UTF8')), 'laptop', 'kkkk', engine.now());
select is(tests.verdict('scrip_' || :'bob_hex' || '_' || :'key_secret', :'bob_id'), 'good', 'an API key is its person''s as well');
select is_empty(format($$
  select token from (values ('scrip_%1$s_' || repeat('l', 43)), ('scr_rt_%1$s_%2$s'), ('scrip_%1$s_%2$s' || 'k'), (' scrip_%1$s_%2$s'), (upper('scrip_%1$s_%2$s'))) as listed (token)
  where tests.verdict(token, %3$L) <> 'refused' $$, :'bob_hex', :'key_secret', :'bob_id'), 'and nothing like it is');
select is(tests.verdict('scrip_' || :'bob_hex' || '_' || :'key_secret'), 'refused', 'nor is it another''s');
update playground.api_keys set revoked_at = engine.now() where user_id = :'bob_id';
select is(tests.verdict('scrip_' || :'bob_hex' || '_' || :'key_secret', :'bob_id'), 'refused', 'until it is revoked');

-- signing in
select throws_ok(format('select engine.verify_sign_in(%L, null)', :'bob_id'), 'SCA01', null, 'nobody is signed in without the secret');
select lives_ok(format('select engine.verify_sign_in(%L, %L)', :'bob_id', tests.token_of(:'bob_id')), 'but by who holds it');
delete from playground.token_secrets;
select lives_ok(format('select engine.verify_sign_in(%L, null)', :'bob_id'), 'or where none was ever told');
select is(engine.decode_base64url(text), octets, format('base64url %L', text))
from (values ('_-8', '\xffef'::bytea), ('AA', '\x00'), ('A', null), ('A=', null), ('', null), (E'AA\n', null)) as listed (text, octets);
select * from finish();
rollback;
