create or replace function admin.refresh_analytics(p_reason text default 'asked for')
returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_refreshed_at timestamptz;
begin
  perform engine.check_reason(p_reason);
  v_refreshed_at := engine.refresh_analytics();
  perform engine.write_audit('refresh_analytics', null, null, null, jsonb_build_object('refreshedAt', engine.iso(v_refreshed_at)), p_reason);
  return v_refreshed_at;
end $$;
comment on function admin.refresh_analytics(text) is
  'Makes the caches of the analysts'' views anew, now instead of at the full hour; readers are not blocked. Returns the instant the figures are of. When: before a report that must hold the last minutes. SCD03 without a reason.';
