begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(34);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
create function tests.find(p_user_id uuid, p_key text default 'k', p_request text default 'a', p_operation text default 'run')
returns text
language sql
as $$ select status || ' ' || body from engine.find_answer(p_user_id, p_operation, p_key, sha256(p_request::bytea), engine.now()) $$;
create function tests.begin_answer(p_user_id uuid, p_key text default 'k', p_request text default 'a')
returns playground.holds
language plpgsql
as $$
declare
  v_hold playground.holds;
  v_hold_id uuid := (tests.reserve(p_user_id) ->> 'hold_id')::uuid;
begin
  select * into strict v_hold from playground.holds where account_id = p_user_id and hold_id = v_hold_id;
  v_hold.idempotency_key := p_key;
  insert into playground.answers (user_id, operation, idempotency_key, created_at, hold_id, fingerprint, state)
  values (p_user_id, 'run', p_key, v_hold.reserved_at, v_hold.hold_id, sha256(p_request::bytea), 'running');
  return v_hold;
end $$;

select is(tests.find(:'ann_id'), null, 'a new key has no answer');
select hold_id as first_hold from tests.begin_answer(:'ann_id') \gset
select throws_ok(format('select tests.find(%L)', :'ann_id'), 'SCI02', null, 'while it runs a repeat is told to come back');
select throws_ok(format('select tests.find(%L, p_request => %L)', :'ann_id', 'b'), 'SCI01', null, 'another request with the same key is refused, running or not');
select is(tests.find(:'bob_id'), null, 'another person''s key is another one');
select is(tests.find(:'ann_id', 'K'), null, 'keys differ by case');
select is(tests.find(:'ann_id', p_operation => 'purchase'), null, 'and by what they were used for');

create function tests.keep(p_hold_id uuid, p_is_kept boolean, p_body text)
returns void
language plpgsql
as $$
declare
  v_hold playground.holds;
begin
  select h.* into v_hold from playground.holds h join playground.answers a using (hold_id) where hold_id = p_hold_id;
  v_hold.idempotency_key := 'k';
  perform engine.keep_answer(v_hold, p_is_kept, 200, p_body, engine.now());
end $$;
select tests.advance('1 minute'), tests.keep(:'first_hold', true, e'{ "response" : "é\\n" }') \g /dev/null
select is(tests.find(:'ann_id'), e'200 { "response" : "é\\n" }', 'then the answer is given again, byte for byte');
select is(tests.find(:'ann_id'), e'200 { "response" : "é\\n" }', 'as often as asked for');
select throws_ok(format('select tests.find(%L, p_request => %L)', :'ann_id', 'b'), 'SCI01', null, 'to the same request only');
select tests.freeze('2026-11-21 12:00:59.999999+00');
select isnt(tests.find(:'ann_id'), null, 'it is kept for 24 hours after the run');
select tests.freeze('2026-11-21 12:01:00+00');
select is(tests.find(:'ann_id', p_request => 'b'), null, 'then the key is new, for whatever request');
select is(count(*), 0::bigint, 'and the old answer gone') from playground.answers where user_id = :'ann_id';

select hold_id as second_hold from tests.begin_answer(:'ann_id') \gset
select tests.keep(:'second_hold', false, 'nothing') \g /dev/null
select is((state, status, body, finished_at)::text, '(free,,,)', 'of a run that charged nothing no answer is kept') from playground.answers where user_id = :'ann_id';
select is(tests.find(:'ann_id', p_request => 'b'), null, 'its key is free at once');
select hold_id as third_hold from tests.begin_answer(:'ann_id', p_request => 'b') \gset
create function tests.keep_late(p_user_id uuid, p_hold_id uuid)
returns void
language plpgsql
as $$
declare
  v_hold playground.holds;
begin
  select * into strict v_hold from playground.holds where account_id = p_user_id and hold_id = p_hold_id;
  v_hold.idempotency_key := 'k';
  perform engine.keep_answer(v_hold, true, 200, 'late', engine.now());
end $$;
select tests.keep_late(:'ann_id', :'second_hold') \g /dev/null
select throws_ok(format('select tests.find(%L, p_request => %L)', :'ann_id', 'b'), 'SCI02', null, 'another run that took the freed key keeps it, were it at the same instant');
select tests.keep_late(:'ann_id', :'third_hold') \g /dev/null
select is(tests.find(:'ann_id', p_request => 'b'), '200 late', 'and answers with what it said itself');

-- What two requests must share to be the same.
select isnt(engine.fingerprint('a', 'b'), engine.fingerprint('ab'), 'fields do not run into each other');
select isnt(engine.fingerprint('a', null), engine.fingerprint('a', ''), 'a missing field is not an empty one');
select isnt(engine.fingerprint('a', null), engine.fingerprint('a', 'null'), 'nor the word for it');
select isnt(engine.fingerprint('a","b'), engine.fingerprint('a', 'b'), 'quotes do not pretend');
select is(engine.fingerprint('a', null, 'é'), engine.fingerprint('a', null, 'é'), 'the same fields are the same request');
-- What is done in one call has its answer at once.
create function tests.keep_once(p_user_id uuid, p_body text, p_key text default 'once', p_operation text default 'redeem')
returns text
language sql
as $$ select status || ' ' || body from engine.keep_answer_once(p_user_id, p_operation, p_key, sha256('a'), 200, p_body, engine.now()) $$;
select is(tests.keep_once(:'bob_id', '{ "first": 1}'), '200 { "first": 1}', 'an answer is kept as it goes out');
select is(tests.keep_once(:'bob_id', 'second'), '200 { "first": 1}', 'the first one counts');
select is(tests.find(:'bob_id', 'once', p_operation => 'redeem'), '200 { "first": 1}', 'and is found again');
select throws_ok(format('select tests.find(%L, %L, %L, %L)', :'bob_id', 'once', 'b', 'redeem'), 'SCI01', null, 'by the same request only');
select is(tests.keep_once(:'bob_id', 'a gift', p_operation => 'gift'), '200 a gift', 'another operation has keys of its own');
select tests.advance('24 hours') \g /dev/null
select is(tests.find(:'bob_id', 'once', 'b', 'redeem'), null, 'after 24 hours the key is new');
select is(tests.keep_once(:'bob_id', 'third'), '200 third', 'for another answer');
select lives_ok(format('select engine.check_idempotency_key(%L)', key), 'a key may be missing, or as long as 255') from (values (null), (repeat('~', 255))) as listed (key);
select throws_ok(format('select engine.check_idempotency_key(%L)', key), 'SCV01', null, 'it is 1 to 255 printable ASCII characters')
from (values (''), (repeat('x', 256)), (e'a\tb'), ('é')) as listed (key);
select * from finish();
rollback;
