create or replace function jobs.create_partitions(p_months_ahead integer default 3)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_month record;
  v_parent text;
  v_made integer := 0;
begin
  -- Each is one more table that every query plans for.
  if p_months_ahead is null or p_months_ahead not between 0 and 24 then
    perform engine.refuse('SCD02', 'Partitions are made for 0 to 24 months ahead.');
  end if;
  -- Two at once would make the same table; the other does it all.
  if not pg_try_advisory_xact_lock(hashtext('scrip create partitions')) then
    return 0;
  end if;
  for v_month in
    select parent, key, (month at time zone 'UTC') as starts_at, (month + interval '1 month') at time zone 'UTC' as ends_at,
      parent || to_char(month, '"_y"YYYY"m"MM') as partition
    from (values
      ('usage', 'reserved_at'),
      ('messages', 'created_at'),
      ('answers', 'created_at'),
      ('alerts', 'window_starts_at'),
      ('audit_log', 'created_at'),
      ('stripe_events', 'received_at')
    ) as partitioned (parent, key)
    cross join generate_series(0, p_months_ahead) as ahead
    cross join lateral (
      select date_trunc('month', engine.now() at time zone 'UTC') + make_interval(months => ahead) as month
    ) as of_month
    order by parent, month
  loop
    -- One table a transaction: a run has locks on several of them, so whoever waits for one must hold no other.
    exit when v_made > 0 and v_month.parent <> v_parent;
    v_parent := v_month.parent;
    if engine.create_partition(v_month.parent, v_month.key, v_month.partition, v_month.starts_at, v_month.ends_at) then
      v_made := v_made + 1;
    end if;
  end loop;
  return v_made;
end $$;
comment on function jobs.create_partitions(integer) is
  'Makes the partitions of this UTC month and the next ones, of one table a call. Returns how many it made; 0 when none is missing. Rows of months without a partition go to the default partition. SCD02 for more than 24 months ahead.';
