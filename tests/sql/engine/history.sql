begin;
\ir ../helpers.psql
select plan(3);
select tests.make_package() as package_id \gset
select is(
  engine.session_json(row(
    '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', :'package_id', '1.0.0', 'sonnet', 4, 2, 3, 99,
    '2026-11-20 12:00:00+00', '2026-11-20 13:00:00+00')::playground.sessions)::jsonb,
  jsonb_build_object('id', '00000000-0000-0000-0000-000000000002', 'packageId', :'package_id', 'packageName', 'demo', 'packageVersion', '1.0.0',
    'model', 'sonnet', 'messages', 4, 'runs', 2, 'creditsSpent', 3, 'createdAt', '2026-11-20T12:00:00.000000Z', 'lastRunAt', '2026-11-20T13:00:00.000000Z'),
  'a conversation as the API shows it'
);
create function tests.line()
returns playground.transactions
language sql
as $$
  select row(
    '00000000-0000-0000-0000-000000000001', 7, 'spend', -3, 2, '=cmd', '{"a": "b"}', null, null, '00000000-0000-0000-0000-000000000002', null,
    '2026-11-20 12:00:00.123456+00', '2026-11-20 11:00:00+00')::playground.transactions
$$;
select is(
  engine.transaction_json(tests.line())::jsonb,
  '{"id": "00000000-0000-0000-0000-000000000001:7", "number": 7, "amount": -3, "balanceAfter": 2, "type": "spend", "description": "=cmd", "metadata": {"a": "b"},
    "sessionId": "00000000-0000-0000-0000-000000000002", "purchaseId": null, "createdAt": "2026-11-20T12:00:00.123456Z"}'::jsonb,
  'a transaction as the API shows it'
);
select is(
  engine.transaction_csv(tests.line()),
  e'7,spend,-3,2,"''=cmd","{""a"": ""b""}",00000000-0000-0000-0000-000000000002,,2026-11-20T12:00:00.123456Z\r\n',
  'and as a line of CSV'
);
select * from finish();
rollback;
