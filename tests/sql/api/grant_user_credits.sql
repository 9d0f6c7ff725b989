begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(24);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.grant_user_credits(%1$L, %2$L, null, %3$L, 5, %4$L, %5$L)', id, token, :'bob_id', 'x', 'admin'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

create function tests.give(p_person_id uuid, p_credits bigint, p_reason text, p_type text, p_key text default null)
returns jsonb
language sql
as $$ select to_jsonb(g) from playground.users cross join api.grant_user_credits(user_id, tests.token_of(user_id), 'request-1', p_person_id, p_credits, p_reason, p_type, p_key) as g where email = 'ann@example.com' $$;
select is(tests.give(:'bob_id', 7, ' because ', 'bonus', 'k'), '{"status": 200, "body": "{\"credits\" : 7, \"balance\" : 12, \"transactionNumber\" : 2}", "is_replay": false}', 'credits are granted, and counted into the balance');
select is(
  (action, user_id, subject, before, after, reason, acting_user_id, request_id)::text,
  ('grant_credits', :'bob_id'::uuid, 'bonus', '{"balance": 5}'::jsonb, '{"number": 2, "balance": 12, "credits": 7}'::jsonb, 'because', :'ann_id'::uuid, 'request-1')::text,
  'who, what, before, after, why and in which request are kept')
from playground.audit_log where acting_user_id is not null;

select is(tests.give(:'bob_id', 7, 'because', 'bonus', 'k'), '{"status": 200, "body": "{\"credits\" : 7, \"balance\" : 12, \"transactionNumber\" : 2}", "is_replay": true}', 'a repeat is answered as the first time, byte for byte');
select is((select last_balance::bigint from playground.accounts where account_id = :'bob_id'), 12::bigint, 'and grants nothing');
select is(count(*), 1::bigint, 'nor leaves a line') from playground.audit_log where acting_user_id is not null;
select throws_ok(format('select tests.give(%L, %L, %L, %L, %L)', person, credits, reason, type, 'k'), 'SCI01', null, format('under this key not %s %s for %s', credits, type, reason))
from (values (:'ann_id', 7, 'because', 'bonus'), (:'bob_id', 8, 'because', 'bonus'), (:'bob_id', 7, 'why not', 'bonus'), (:'bob_id', 7, 'because', 'admin')) as listed (person, credits, reason, type);
select is(tests.give(:'bob_id', 1, 'because', 'admin') ->> 'is_replay', 'false', 'without a key each call grants');
select is(tests.give(:'bob_id', 1, 'because', 'admin') ->> 'body', '{"credits" : 1, "balance" : 14, "transactionNumber" : 4}', 'again and again');
select throws_ok(format('select tests.give(%L, %L, %L, %L, %L)', :'bob_id', credits, reason, type, key), 'SCV01', null, why)
from (values
  (0, 'x', 'admin', null, 'credits are positive'), (1000000001, 'x', 'admin', null, 'and not beyond all bounds'), (null, 'x', 'admin', null, 'and must be given'),
  (1, ' ', 'admin', null, 'a reason must be given'), (1, 'x', 'purchase', null, 'nobody grants what counts as bought'), (1, 'x', null, null, 'a type is one of two'), (1, 'x', 'admin', '', 'a key must be one')
) as listed (credits, reason, type, key, why);
select throws_ok(format('select tests.give(%L, 1, %L, %L, %L)', gen_random_uuid(), 'x', 'admin', 'free'), 'SCN03', null, 'nobody is given anything who is not there');
select is(tests.give(:'bob_id', 1, 'x', 'admin', 'free') ->> 'is_replay', 'false', 'and a refusal leaves the key free');
select is_empty($$ select * from admin.verify_ledger() $$, 'the books hold');
select * from finish();
rollback;
