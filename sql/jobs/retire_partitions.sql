create or replace function jobs.retire_partitions(p_limit integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_month record;
  v_table record;
  v_deleted integer;
begin
  -- Neither two at once, nor months made and dropped at once.
  if not pg_try_advisory_xact_lock(hashtext('scrip create partitions')) then
    return 0;
  end if;
  if engine.announce_retirement(v_now) then
    return 1;
  end if;
  -- Whoever began to read before the announcement has ended by then.
  perform
  from playground.audit_log
  where user_id = '00000000-0000-0000-0000-000000000000' and action = 'retire_months' and created_at > v_now - interval '1 hour';
  if found then
    return 0;
  end if;

  -- One month a transaction: a run has locks on several tables, so whoever waits for one must hold no other.
  for v_month in
    select parent, month.partition, month.starts_at, month.ends_at
    from engine.retained_tables()
    cross join lateral engine.months_of(parent) as month
    where month.ends_at <= engine.kept_since(parent)
    order by month.ends_at, parent
  loop
    if engine.retire_month(v_month.parent, v_month.partition, v_month.starts_at, v_month.ends_at) then
      return 1;
    end if;
  end loop;
  for v_table in select parent, key, engine.kept_since(parent) as kept_since from engine.retained_tables() order by parent loop
    continue when v_table.kept_since = '-infinity';
    v_deleted := engine.retire_rows(v_table.parent, v_table.key, v_table.kept_since, p_limit);
    if v_deleted > 0 then
      return v_deleted;
    end if;
  end loop;
  return 0;
end $$;
comment on function jobs.retire_partitions(integer) is
  'Every day: months of usage, messages, answers, alerts, audit log and Stripe''s inbox that are older than their settings keep are announced, and dropped from an hour later on, one a call, audited; rows of months without a partition are deleted, at most p_limit a call. The ledger is never touched. Returns how much was done; 0 when nothing is left, when a month is in use (again tomorrow), or in the hour after an announcement.';
