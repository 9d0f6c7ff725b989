begin;
\ir ../helpers.psql
select plan(2);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
insert into playground.billing_tasks (account_id, task_id, kind, stripe_id, state, attempts, next_try_at, created_at, last_error)
values (:'ann_id', gen_random_uuid(), 'refund_payment_intent', 'pi_1', 'due', 3, engine.now(), engine.now(), 'card_declined');
select is(format('%s %s %s %s %s', account_id, kind, stripe_id, attempts, last_error), :'ann_id' || ' refund_payment_intent pi_1 3 card_declined', 'what is to be done, how often it was tried, and why not')
from admin.billing_tasks;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.billing_tasks') $$, 'operators read it');
select * from finish();
rollback;
