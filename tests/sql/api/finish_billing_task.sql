begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as person \gset
select engine.ask_stripe(:'person', 'refund_payment_intent', stripe_id, engine.now()) from (values ('pi_done'), ('pi_again'), ('pi_never')) as listed (stripe_id) \g /dev/null
select api.claim_billing_tasks() \g /dev/null
create function tests.finish_one(p_stripe_id text, p_error text default null, p_is_final boolean default false)
returns void
language sql
as $$ select api.finish_billing_task(account_id, task_id, p_error, p_is_final) from playground.billing_tasks where stripe_id = p_stripe_id $$;
create function tests.state_of(p_stripe_id text)
returns text
language sql
as $$ select concat_ws(' ', state, attempts, next_try_at - engine.now(), ended_at = engine.now(), last_error) from playground.billing_tasks where stripe_id = p_stripe_id $$;

select tests.finish_one('pi_done') \g /dev/null
select matches(tests.state_of('pi_done'), '^done 1 .* t$', 'a task that was done is over');
select tests.finish_one('pi_again', 'Stripe is away') \g /dev/null
select is(tests.state_of('pi_again'), 'due 1 00:01:00 Stripe is away', 'one that failed is due again after a pause');
select is_empty($$ select from playground.alerts where kind = 'billing_task_failed' $$, 'which is nothing to wake anybody for');
select tests.finish_one('pi_never', 'there is no such payment', true) \g /dev/null
select matches(tests.state_of('pi_never'), '^failed 1 .* t there is no such payment$', 'one that never can be done is over');
select is(details ->> 'error', 'there is no such payment', 'and operators are told: money is not where it should be')
from playground.alerts where kind = 'billing_task_failed';

select tests.finish_one('pi_done', 'late', true) \g /dev/null
select matches(tests.state_of('pi_done'), '^done 1 .* t$', 'a second word changes nothing');
select is(count(*), 1::bigint, 'and alerts nobody') from playground.alerts where kind = 'billing_task_failed';
select tests.advance('1 minute');
select is(array_agg(stripe_id), array['pi_again'], 'only what failed comes again') from api.claim_billing_tasks();
select tests.finish_one('pi_again', repeat('x', 1000)) \g /dev/null
select is(tests.state_of('pi_again'), 'due 2 00:02:00 ' || repeat('x', 500), 'later each time; of an error 500 characters are kept');
select lives_ok(format('select api.finish_billing_task(%L, %L)', :'person', :'person'), 'an unknown task is nobody''s trouble');
select * from finish();
rollback;
