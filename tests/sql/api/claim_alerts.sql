begin;
\ir ../helpers.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ada@scrip.example') as person \gset
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'ledger: holds_add_up', '{"violations": 2}', engine.now() - interval '2 minutes') \g /dev/null
select engine.alert_once(:'person', '2026-11-01 00:00:00+00', 'cost_month_90', '{"percent": 90, "costUsd": 0.45, "limitUsd": 0.5, "tier": "free"}', engine.now() - interval '1 minute') \g /dev/null
select engine.alert_once(:'person', '2026-11-20 00:00:00+00', 'later', '{}', engine.now() + interval '1 second') \g /dev/null

select is(
  (kind, attempts, body::jsonb - 'id', body::jsonb ->> 'id' = alert_id::text)::text,
  ('ledger: holds_add_up', 1,
    '{"kind": "ledger: holds_add_up", "userId": null, "window": "2026-11-20T00:00:00.000000Z", "createdAt": "2026-11-20T11:58:00.000000Z",
      "details": {"violations": 2, "statement": "select * from admin.verify_ledger();"}}'::jsonb, true)::text,
  'the alert that is due longest comes as it is to be sent; nobody is the platform')
from api.claim_alerts(1);
select is(
  (kind, user_id, body::jsonb - 'id')::text,
  ('cost_month_90', :'person'::uuid,
    jsonb_build_object('kind', 'cost_month_90', 'userId', :'person', 'window', '2026-11-01T00:00:00.000000Z', 'createdAt', '2026-11-20T11:59:00.000000Z',
      'details', '{"percent": 90, "costUsd": 0.45, "limitUsd": 0.5, "tier": "free"}'::jsonb))::text,
  'a person is an id, not an address') from api.claim_alerts(1);
select is_empty('select * from api.claim_alerts()', 'what is claimed is nobody else''s, what is not due nobody''s');
select tests.advance('4 minutes 59 seconds');
select is(array_agg(kind || attempts), array['later1'], 'for five minutes') from api.claim_alerts();
select tests.advance('1 second');
select is((count(*), max(attempts))::text, '(2,2)', 'then it is tried again: whoever had it may be dead') from api.claim_alerts();
select tests.advance('5 minutes');
create temporary table tried as select alert_id, body from api.claim_alerts();
select tests.advance('5 minutes');
select is((count(*), count(*) filter (where again.body = tried.body))::text, '(3,3)', 'under the same id, in the same words') from api.claim_alerts() as again join tried using (alert_id);
select lives_ok($$ select tests.run_as('scrip_gateway', 'select * from api.claim_alerts()') $$, 'the gateway may ask');
select is_empty($$ select from playground.alert_deliveries where details::text ~ 'ada@' $$, 'no address is kept in it');

-- The planner has seen one row, so it may run the choice again for each row there is.
delete from playground.alert_deliveries;
select engine.alert_once(:'person', engine.now(), 'a' || n, '{}', engine.now()) from generate_series(1, 1) as n \g /dev/null
analyze playground.alert_deliveries;
select engine.alert_once(:'person', engine.now(), 'a' || n, '{}', engine.now()) from generate_series(2, 4) as n \g /dev/null
select is(count(*), 1::bigint, 'no more is claimed than was asked for, whatever the plan') from api.claim_alerts(1);
select * from finish();
rollback;
