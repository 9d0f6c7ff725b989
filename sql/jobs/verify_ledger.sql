create or replace function jobs.verify_ledger(p_is_whole boolean default false)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_since timestamptz;
  v_found jsonb;
  v_violations integer;
begin
  -- A violation found once may lie outside of what changed since: from then on all is read until nothing is found.
  select case when not p_is_whole and ledger_violations = 0 then ledger_verified_at - interval '15 minutes' end
  into v_since
  from playground.platform_state;

  select coalesce(jsonb_object_agg(invariant, summary), '{}'), coalesce(sum((summary ->> 'violations')::integer), 0)
  into v_found, v_violations
  from (
    select invariant, jsonb_build_object(
        'violations', count(*),
        'accountId', min(account_id::text),
        'detail', min(detail)
      ) as summary
    from admin.verify_ledger(v_since)
    group by invariant
  ) as violation;

  perform engine.alert_once(
    '00000000-0000-0000-0000-000000000000', date_trunc('day', v_now, 'UTC'), 'ledger: ' || key, value, v_now
  )
  from jsonb_each(v_found);
  update playground.platform_state
  set ledger_verified_at = v_now, ledger_violations = v_violations;
  return v_violations;
end $$;
comment on function jobs.verify_ledger(boolean) is
  'Every 5 minutes: verifies what changed since the last time (p_is_whole: everything), keeps time and result for /readyz, and alerts once a day per invariant. Returns the number of violations.';
