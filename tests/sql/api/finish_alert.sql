begin;
\ir ../helpers.psql
select plan(8);
select tests.freeze('2026-11-20 12:00:00+00');
select engine.alert_once(gen_random_uuid(), engine.now(), kind, '{}', engine.now()) from (values ('sent'), ('again'), ('never')) as listed (kind) \g /dev/null
select api.claim_alerts() \g /dev/null
create function tests.finish_one(p_kind text, p_error text default null, p_is_final boolean default false)
returns void
language sql
as $$ select api.finish_alert(user_id, alert_id, p_error, p_is_final) from playground.alert_deliveries where kind = p_kind $$;
create function tests.state_of(p_kind text)
returns text
language sql
as $$ select concat_ws(' ', state, attempts, next_try_at - engine.now(), ended_at = engine.now(), last_error) from playground.alert_deliveries where kind = p_kind $$;

select tests.finish_one('sent') \g /dev/null
select matches(tests.state_of('sent'), '^sent 1 .* t$', 'an alert that was taken is over');
select tests.finish_one('again', 'HTTP 500') \g /dev/null
select is(tests.state_of('again'), 'due 1 00:01:00 HTTP 500', 'one that failed is due again after a pause');
select tests.finish_one('never', 'HTTP 410', true) \g /dev/null
select matches(tests.state_of('never'), '^failed 1 .* t HTTP 410$', 'one that nobody wants any more is over too');
select tests.finish_one('sent', 'late', true) \g /dev/null
select tests.finish_one('never') \g /dev/null
select matches(tests.state_of('sent') || tests.state_of('never'), '^sent 1 .*failed 1', 'a second word changes nothing');
select tests.advance('1 minute');
select is(array_agg(kind), array['again'], 'only what failed comes again') from api.claim_alerts();
select tests.finish_one('again', repeat('x', 1000)) \g /dev/null
select is(tests.state_of('again'), 'due 2 00:02:00 ' || repeat('x', 500), 'later each time; of an error 500 characters are kept');
select lives_ok(format('select api.finish_alert(%L, %L)', gen_random_uuid(), gen_random_uuid()), 'an unknown alert is nobody''s trouble');
select is((select count(*) from playground.alert_deliveries), 3::bigint, 'nothing is lost');
select * from finish();
rollback;
