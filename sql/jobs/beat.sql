create or replace function jobs.beat()
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  update playground.platform_state set heartbeat_at = engine.now();
$$;
comment on function jobs.beat() is 'Every minute: shows that the scheduler lives.';
