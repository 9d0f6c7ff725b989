begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'payer', 100), p_event_id => 'evt_1')) \g /dev/null
select tests.deliver(tests.event('x', '{"id": "x_1", "secret": "of a person"}', p_event_id => 'evt_2')) \g /dev/null

select results_eq(
  $$ select event_id, type, state::text, reason, waits_for, attempts, next_try_at, handled_at from admin.stripe_events order by event_id $$,
  $$ values ('evt_1', 'charge.refunded', 'parked', 'unknown_payment', 'pi_1', 1, engine.now() + interval '1 minute', null), ('evt_2', 'x', 'ignored', 'not_listened_to', null, 1, null, engine.now()) $$,
  'operators see each event with what became of it');
select hasnt_column('admin', 'stripe_events', 'payload', 'but not its body');
select is_empty($$ select from admin.stripe_events e where e::text like '%of a person%' $$, 'nor anything out of it');
select lives_ok($$ select tests.run_as('scrip_operator', 'select from admin.stripe_events') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.stripe_events set state = ''handled''') $$, 'SCL01', null, 'and not write');
select * from finish();
rollback;
