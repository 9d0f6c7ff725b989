begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ada@scrip.example') as person \gset
select tests.make_user() as gone \gset
update playground.users set username = 'ada' where user_id = :'person';
select engine.write_notice(:'person', 'refund', 'a', '{"credits": 1}', engine.now() - interval '2 minutes') \g /dev/null
select engine.write_notice(:'person', 'gift_waiting', 'b', '{}', engine.now() - interval '1 minute', 'new@scrip.example') \g /dev/null
select engine.write_notice(:'person', 'refund', 'later', '{}', engine.now() + interval '1 second') \g /dev/null

select is((kind, email, username, details::text, created_at, attempts)::text, ('refund', 'ada@scrip.example', 'ada', '{"credits": 1}', engine.now() - interval '2 minutes', 1)::text,
  'the message that is due longest comes with the address of its person')
from api.claim_notices(1);
select is((kind, email, username)::text, '(gift_waiting,new@scrip.example,)', 'the next goes to whoever it names') from api.claim_notices(1);
select is_empty('select * from api.claim_notices()', 'what is claimed is nobody else''s, what is not due nobody''s');
select tests.advance('4 minutes 59 seconds');
select is(array_agg(kind || attempts), array['refund1'], 'for five minutes') from api.claim_notices();
select tests.advance('1 second');
select is((count(*), max(attempts))::text, '(2,2)', 'then it is tried again: whoever had it may be dead') from api.claim_notices();

-- The address is that of the moment of sending.
update playground.users set email = 'moved@scrip.example' where user_id = :'person';
select tests.advance('5 minutes');
select is(array_agg(distinct email order by email), array['moved@scrip.example', 'new@scrip.example'], 'who moved is written to where they are now') from api.claim_notices();

-- Whoever is deleted has no address.
select engine.write_notice(:'gone', 'refund', 'a', '{}', engine.now()) \g /dev/null
update playground.users set deleted_at = engine.now(), email = null where user_id = :'gone';
select is_empty(format('select from api.claim_notices() where user_id = %L', :'gone'), 'nobody writes to who is deleted');
select is((state::text, ended_at, last_error)::text, ('failed', engine.now(), 'the person is deleted')::text, 'and the message ends') from playground.notices where user_id = :'gone';
select lives_ok($$ select tests.run_as('scrip_gateway', 'select * from api.claim_notices()') $$, 'the gateway may ask');

-- The planner has seen one row, so it may run the choice again for each row there is.
delete from playground.notices;
select engine.write_notice(:'person', 'refund', 'n' || n, '{}', engine.now()) from generate_series(1, 1) as n \g /dev/null
analyze playground.notices;
select engine.write_notice(:'person', 'refund', 'n' || n, '{}', engine.now()) from generate_series(2, 4) as n \g /dev/null
select is(count(*), 1::bigint, 'no more is claimed than was asked for, whatever the plan') from api.claim_notices(1);
select * from finish();
rollback;
