begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(8);
select tests.freeze('2026-11-20 12:00:00+00');
update playground.platform_state set code_version = 'abc', loaded_at = engine.now() - interval '3 minutes', heartbeat_at = null, ledger_verified_at = null, ledger_violations = 0;

select is(
  api.get_health()::jsonb - 'scheduler',
  '{"database": true, "codeVersion": "abc", "heartbeatAt": null, "heartbeatAgeSeconds": 180, "ledgerVerifiedAt": null, "ledgerVerifiedAgeSeconds": null, "ledgerViolations": 0, "tokens": null}'::jsonb,
  'a scheduler that never ran is as late as the code is old'
);
select jobs.beat() \g /dev/null
select tests.advance('61.9 seconds');
select is(api.get_health() ->> 'heartbeatAt', '2026-11-20T12:00:00.000000Z', 'the heartbeat is shown');
select is(api.get_health() ->> 'heartbeatAgeSeconds', '61', 'and its age in whole seconds');
select is(
  api.get_health() ->> 'scheduler', exists (select from pg_extension where extname = 'pg_cron')::text,
  'a scheduler is there when the database has pg_cron'
);

select is(api.get_health('x') ->> 'tokens', 'true', 'where no token secret was told, any will do');
select tests.token_of('00000000-0000-0000-0000-000000000000') as token \gset
select is(api.get_health(:'token') ->> 'tokens', 'true', 'a gateway whose tokens are taken is told so');
select is(api.get_health('x') ->> 'tokens', 'false', 'and one whose are not');
select is(api.get_health() ->> 'tokens', null, 'who shows none is told nothing');

select * from finish();
rollback;
