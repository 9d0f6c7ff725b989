create or replace function api.get_health(p_token text default null)
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object(
    'database', true,
    'codeVersion', code_version,
    'heartbeatAt', engine.iso(heartbeat_at),
    -- A scheduler that never began is as late as one that stopped when this code was loaded.
    'heartbeatAgeSeconds', floor(extract(epoch from engine.now() - coalesce(heartbeat_at, loaded_at)))::bigint,
    'ledgerVerifiedAt', engine.iso(ledger_verified_at),
    'ledgerVerifiedAgeSeconds', floor(extract(epoch from engine.now() - ledger_verified_at))::bigint,
    'ledgerViolations', ledger_violations,
    'tokens', case when p_token is not null then
      not exists (select from playground.token_secrets)
      or engine.is_access_token(p_token, '00000000-0000-0000-0000-000000000000', engine.now())
    end,
    'scheduler', exists (select from pg_catalog.pg_extension where extname = 'pg_cron')
  )
  from playground.platform_state;
$$;
comment on function api.get_health(text) is
  'GET /readyz. Which code is loaded, the scheduler''s last heartbeat and its age in seconds (since the load, when there was none yet), the last self-check of the ledger and its age in seconds; scheduler: whether this database has pg_cron; tokens: whether it takes what signed p_token, a token of the nil uuid, also where no token secret was told.';
