begin;
\ir ../helpers.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as person \gset
select engine.write_notice(:'person', 'refund', subject, '{}', engine.now()) from (values ('sent'), ('again'), ('never')) as listed (subject) \g /dev/null
select api.claim_notices() \g /dev/null
create function tests.finish_one(p_subject text, p_error text default null, p_is_final boolean default false)
returns void
language sql
as $$ select api.finish_notice(user_id, notice_id, p_error, p_is_final) from playground.notices where subject = p_subject $$;
create function tests.state_of(p_subject text)
returns text
language sql
as $$ select concat_ws(' ', state, attempts, next_try_at - engine.now(), ended_at = engine.now(), last_error) from playground.notices where subject = p_subject $$;

select tests.finish_one('sent') \g /dev/null
select matches(tests.state_of('sent'), '^sent 1 .* t$', 'a message that was sent is over');
select tests.finish_one('again', 'the mail server is away') \g /dev/null
select is(tests.state_of('again'), 'due 1 00:01:00 the mail server is away', 'one that failed is due again after a pause');
select tests.finish_one('never', 'no such mailbox', true) \g /dev/null
select matches(tests.state_of('never'), '^failed 1 .* t no such mailbox$', 'one that never can be sent is over too');

select tests.finish_one('sent', 'late', true) \g /dev/null
select matches(tests.state_of('sent'), '^sent 1 .* t$', 'a second word changes nothing');
select tests.finish_one('never') \g /dev/null
select matches(tests.state_of('never'), '^failed', 'whichever it is');
select tests.advance('1 minute');
select is(array_agg(kind), array['refund'], 'only what failed comes again') from api.claim_notices();
select tests.finish_one('again', repeat('x', 1000)) \g /dev/null
select is(tests.state_of('again'), 'due 2 00:02:00 ' || repeat('x', 500), 'later each time; of an error 500 characters are kept');
select lives_ok(format('select api.finish_notice(%L, %L)', :'person', :'person'), 'an unknown message is nobody''s trouble');
select is(count(*), 3::bigint, 'nothing is lost') from playground.notices;
select * from finish();
rollback;
