begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(36);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();

create function tests.mode(p_header text, p_payload text default 'body', p_at timestamptz default null)
returns boolean
language sql
as $$ select engine.signed_mode(convert_to(p_payload, 'UTF8'), p_header, coalesce(p_at, engine.now())) $$;
create function tests.signature(p_payload text default 'body', p_secret text default 'whsec_of_these_tests_only', p_time timestamptz default null)
returns text
language sql
as $$ select tests.sign(convert_to(p_payload, 'UTF8'), p_secret, p_time) $$;

-- Worked out by hand with `printf '1795176000.body' | openssl dgst -sha256 -hmac whsec_of_these_tests_only`.
select is(tests.signature(), 't=1795176000,v1=abda66ea4fa56ce34177762dfaaf689a29c21dfdf5a0805af35cedbd2666cbf9', 'the scheme is hex hmac_sha256 over time, full stop and body');
select is(tests.mode(tests.signature()), false, 'the secret that signed it says the mode');
select is(tests.mode(tests.signature(), 'Body'), null, 'a signature is that of these bytes only');
select is(tests.mode(tests.signature(p_secret => 'whsec_of_these_tests_onlY')), null, 'and of a secret that is ours');
select is(tests.mode(header), null, format('%L signs nothing', left(header, 40)))
from (
  values (null), (''), (','), ('t='), ('t=1795176000'), ('v1=' || repeat('0', 64)), ('t=1795176000,v1='), ('t=1795176000,v1=' || repeat('0', 64)),
    (upper(tests.signature())), (replace(tests.signature(), 'v1=', 'v0=')), (replace(tests.signature(), 't=', 't=+')),
    ('t=1795176000,' || tests.signature()), (tests.signature() || ',t=1795176000'), (tests.signature() || '0'),
    (translate(split_part(tests.signature(), ',', 1), '0123456789', '٠١٢٣٤٥٦٧٨٩') || ',' || split_part(tests.signature(), ',', 2))
) as listed (header);

select is(tests.mode(tests.signature(p_time => engine.now() - interval '300 seconds')), false, 'a time 300 seconds ago is taken');
select is(tests.mode(tests.signature(p_time => engine.now() - interval '301 seconds')), null, '301 seconds ago is too old');
select is(tests.mode(tests.signature(p_time => engine.now() + interval '300 seconds')), false, '300 seconds ahead is taken');
select is(tests.mode(tests.signature(p_time => engine.now() + interval '301 seconds')), null, '301 seconds ahead is not');
select is(tests.mode('v0=00,' || tests.signature() || ',v1=' || repeat('0', 64) || ',x'), false, 'one right signature among others is enough');
select is(tests.mode(tests.signature() || repeat(',v1=' || repeat('0', 64), 15)), false, 'sixteen signatures are read');
select is(tests.mode(tests.signature() || repeat(',v1=' || repeat('0', 64), 16)), null, 'seventeen are not');
select is(tests.mode(tests.signature() || ',' || repeat('x', 4096)), null, 'nor a header of more than 4096 octets');

select admin.set_webhook_secret('test', 'whsec_after_the_first_one', false, 'rolled') \g /dev/null
select results_eq(
  $$ select tests.mode(tests.signature()), tests.mode(tests.signature(p_secret => 'whsec_after_the_first_one')) $$,
  $$ values (false, false) $$, 'a replaced secret and the one after it are both taken while they overlap');
select tests.advance('24 hours');
select results_eq(
  $$ select tests.mode(tests.signature()), tests.mode(tests.signature(p_secret => 'whsec_after_the_first_one')) $$,
  $$ values (null::boolean, false) $$, 'after that only the new one is');

select is(engine.is_same_digest('\x00ff', '\x00ff'), true, 'equal digests are the same');
select is(engine.is_same_digest(l, r), false, 'what is missing is like nothing') from (values ('\x00ff'::bytea, null::bytea), (null, '\x00ff'), (null, null)) as listed (l, r);
select ok(not engine.is_same_digest(l, r), format('%s and %s are not', l, r))
from (values ('\x00ff'::bytea, '\x01ff'::bytea), ('\x00ff', '\x00fe'), ('\x00ff', '\x00')) as listed (l, r);
select * from finish();
rollback;
