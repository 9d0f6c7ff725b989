create or replace function jobs.roll_up(p_limit bigint default null)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Whoever is at it takes what there is; the rest is for the next minute.
  if not pg_try_advisory_xact_lock(hashtext('scrip roll up')) then
    return 0;
  end if;
  return engine.roll_up(p_limit);
end $$;
comment on function jobs.roll_up(bigint) is
  'Every minute: takes what is new into the sums under the analysts'' views, at most p_limit runs and as many lines of the ledger when that is given. Returns the larger of both numbers; 0 also while another does it.';
