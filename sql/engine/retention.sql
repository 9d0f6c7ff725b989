-- What happened is kept by the month, for as long as the settings say; the ledger for good.
--
-- A month goes in two steps: first its end is announced, in the audit log, then, at least an hour later, it is dropped. Who
-- checks the books reads in one snapshot what is kept: no check that began before the announcement still runs when rows go
-- (the roles' time-outs are minutes), so none takes for lost what was retired.

create or replace function engine.retained_tables()
returns table (parent text, key text, retention interval)
language sql stable
as $$
  select listed.*
  from playground.platform_settings as s
  cross join lateral (values
    ('alerts', 'window_starts_at', s.alert_retention),
    ('answers', 'created_at', s.message_retention),
    ('audit_log', 'created_at', s.audit_retention),
    ('messages', 'created_at', s.message_retention),
    ('stripe_events', 'received_at', s.event_retention),
    ('usage', 'reserved_at', s.usage_retention)
  ) as listed
$$;
comment on function engine.retained_tables() is 'The tables that are partitioned by UTC month, the column that says which, and how long a month is kept.';

create or replace function engine.kept_since(p_parent text)
returns timestamptz
language plpgsql stable
as $$
begin
  -- The last announcement names the limits of all tables, so it is enough when older ones have gone themselves.
  return coalesce(
    (
      select (after ->> p_parent)::timestamptz
      from playground.audit_log
      where user_id = '00000000-0000-0000-0000-000000000000' and action = 'retire_months'
      order by created_at desc, audit_id desc
      limit 1
    ),
    '-infinity');
end $$;
comment on function engine.kept_since(text) is
  'Rows of a partitioned table from this instant on are all there; older months were announced to go, or are gone. The beginning of a UTC month, or -infinity.';

create or replace function engine.announce_retirement(p_instant timestamptz)
returns boolean
language plpgsql volatile
as $$
declare
  v_table record;
  v_before jsonb := jsonb_build_object();
  v_after jsonb := jsonb_build_object();
  v_limit timestamptz;
  v_is_due boolean;
  v_is_any boolean := false;
begin
  for v_table in select parent, key, retention, engine.kept_since(parent) as kept_since from engine.retained_tables() order by parent loop
    -- Months of UTC: a month is over its time when its last row is.
    -- Whatever a setting says, this month and the one before stay.
    v_limit := date_trunc('month', least(
      p_instant at time zone 'UTC' - v_table.retention, p_instant at time zone 'UTC' - interval '1 month')) at time zone 'UTC';
    v_is_due := false;
    if v_limit > v_table.kept_since then
      execute format('select exists (select from playground.%I where %I < $1)', v_table.parent, v_table.key) into v_is_due using v_limit;
      v_is_due := v_is_due or exists (select from engine.months_of(v_table.parent) where ends_at <= v_limit);
    end if;
    v_is_any := v_is_any or v_is_due;
    v_before := v_before || jsonb_build_object(v_table.parent, nullif(v_table.kept_since, '-infinity'));
    v_after := v_after || jsonb_build_object(v_table.parent, case when v_is_due then v_limit else nullif(v_table.kept_since, '-infinity') end);
  end loop;
  if v_is_any then
    perform engine.write_audit(
      'retire_months', '00000000-0000-0000-0000-000000000000', null, v_before, v_after, 'older than the settings keep');
  end if;
  return v_is_any;
end $$;
comment on function engine.announce_retirement(timestamptz) is
  'Writes into the audit log since when each partitioned table is kept, if there is something older than its setting keeps. Nothing is dropped here. False when nothing is due.';

create or replace function engine.months_of(p_parent text)
returns table (partition text, starts_at timestamptz, ends_at timestamptz)
language sql stable
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
  select month.relname::text,
    substring(bound.text from 'FROM [(]''([^'']+)''[)]')::timestamptz,
    substring(bound.text from 'TO [(]''([^'']+)''[)]')::timestamptz
  from pg_catalog.pg_inherits
  join pg_catalog.pg_class as month on month.oid = inhrelid
  cross join lateral (select pg_get_expr(month.relpartbound, month.oid) as text) as bound
  where inhparent = ('playground.' || p_parent)::regclass
    and bound.text <> 'DEFAULT'
$$;
comment on function engine.months_of(text) is 'The months of a partitioned table, the default partition apart.';

create or replace function engine.retire_month(p_parent text, p_partition text, p_starts_at timestamptz, p_ends_at timestamptz)
returns boolean
language plpgsql volatile
-- Queueing for the lock makes everyone queue behind it: better to try again tomorrow.
set lock_timeout = '500ms'
as $$
declare
  v_rows bigint;
  v_octets bigint;
begin
  if p_parent = 'stripe_events' then
    -- An event that nobody has found a use for yet is not forgotten.
    perform from playground.stripe_events where state = 'parked' and received_at >= p_starts_at and received_at < p_ends_at;
    if found then
      raise log 'partition % stays: an event of it is still parked', p_partition;
      return false;
    end if;
  end if;
  execute format('alter table playground.%I detach partition playground.%I', p_parent, p_partition);
  execute format('select count(*), pg_total_relation_size(%L) from playground.%I', 'playground.' || quote_ident(p_partition), p_partition)
    into strict v_rows, v_octets;
  execute format('drop table playground.%I', p_partition);
  perform engine.write_audit(
    'retire_month', null, p_partition, jsonb_build_object('rows', v_rows, 'octets', v_octets), null, 'older than the settings keep');
  return true;
exception
  when lock_not_available then
    raise log 'partition % stays until the next time: it is in use', p_partition;
    return false;
end $$;
comment on function engine.retire_month(text, text, timestamptz, timestamptz) is
  'Detaches and drops one month, audited with its rows and octets. False, and nothing is changed, when somebody has used the table for half a second, or a Stripe event of that month is still parked.';

create or replace function engine.retire_rows(p_parent text, p_key text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql volatile
as $$
declare
  v_deleted integer;
begin
  if p_parent = 'stripe_events' then
    -- An event that nobody has found a use for yet is not forgotten.
    delete from playground.stripe_events_default
    where (received_at, event_id) in (
      select received_at, event_id
      from playground.stripe_events_default
      where received_at < p_before and state <> 'parked'
      limit p_limit
      for update skip locked
    );
    get diagnostics v_deleted = row_count;
    return v_deleted;
  end if;
  execute format(
    'delete from playground.%1$I where ctid = any (array(
       select ctid from playground.%1$I where %2$I < $1 limit $2 for update skip locked))',
    p_parent || '_default', p_key)
  using p_before, p_limit;
  get diagnostics v_deleted = row_count;
  return v_deleted;
end $$;
comment on function engine.retire_rows(text, text, timestamptz, integer) is
  'Deletes rows before an instant from the default partition, where those of months without a partition lie; at most p_limit. Returns how many went.';
