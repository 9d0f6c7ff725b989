begin;
\ir ../helpers.psql
select plan(8);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as person \gset
select engine.ask_stripe(:'person', 'refund_payment_intent', 'pi_1', engine.now() - interval '1 minute') \g /dev/null
select engine.ask_stripe(:'person', 'cancel_payment_intent', 'pi_2', engine.now()) \g /dev/null
select engine.ask_stripe(:'person', 'cancel_and_refund_subscription', 'sub_1', engine.now(), '5 minutes') \g /dev/null

select is((account_id, kind, stripe_id, attempts)::text, (:'person'::uuid, 'refund_payment_intent', 'pi_1', 1)::text, 'the task that is due longest comes first') from api.claim_billing_tasks(1);
select is(array_agg(stripe_id), array['pi_2'], 'what is claimed is nobody else''s; what waits is not due') from api.claim_billing_tasks();
select tests.advance('4 minutes 59 seconds');
select is_empty('select * from api.claim_billing_tasks()', 'for five minutes');
select tests.advance('1 second');
select is(array_agg(concat(stripe_id, ' ', attempts) order by stripe_id), array['pi_1 2', 'pi_2 2', 'sub_1 1'], 'then it is tried again, and what waited has waited long enough')
from api.claim_billing_tasks();
select tests.advance('5 minutes');
select engine.withdraw_task(:'person', 'cancel_and_refund_subscription', 'sub_1', engine.now()) \g /dev/null
select is(count(distinct task_id), 3::bigint, 'a task keeps its id, which is Stripe''s idempotency key; begun ones cannot be withdrawn') from api.claim_billing_tasks();
update playground.billing_tasks set state = 'withdrawn', ended_at = engine.now();
select tests.advance('1 hour');
select is_empty('select * from api.claim_billing_tasks()', 'what is over is not done');
select lives_ok($$ select tests.run_as('scrip_gateway', 'select * from api.claim_billing_tasks()') $$, 'the gateway may ask');

-- The planner has seen one row, so it may run the choice again for each row there is.
delete from playground.billing_tasks;
select engine.ask_stripe(:'person', 'refund_payment_intent', 'n' || n, engine.now()) from generate_series(1, 1) as n \g /dev/null
analyze playground.billing_tasks;
select engine.ask_stripe(:'person', 'refund_payment_intent', 'n' || n, engine.now()) from generate_series(2, 4) as n \g /dev/null
select is(count(*), 1::bigint, 'no more is claimed than was asked for, whatever the plan') from api.claim_billing_tasks(1);
select * from finish();
rollback;
