-- What pg_cron calls where much may be due: one bounded batch after the other, each committed before the next, until
-- nothing is left or 50 seconds have passed; the next minute goes on. A procedure that commits can have neither
-- SECURITY DEFINER nor SET, so these run as the caller and every name is qualified.
-- The stopwatch is the machine's and not engine.now(): under a clock that stands still it would never run out.

create or replace procedure jobs.drain_expire_holds()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.expire_holds(200) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_expire_holds() is 'Every minute: frees the holds whose time is over, in batches.';

create or replace procedure jobs.drain_process_monthly_reset()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.process_monthly_reset(200) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_process_monthly_reset() is 'Every minute: turns the periods that are due, in batches.';

create or replace procedure jobs.drain_expire_rollover_credits()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.expire_rollover_credits(200) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_expire_rollover_credits() is 'Every minute: expires the credits that are due, in batches.';

create or replace procedure jobs.drain_process_parked_events()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.process_parked_events() > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_process_parked_events() is 'Every minute: tries the events that are parked and due again, one a transaction.';

create or replace procedure jobs.drain_process_gifts()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.process_gifts() > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_process_gifts() is 'Every minute: moves gifts on, one account after the other.';

create or replace procedure jobs.drain_roll_up()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.roll_up(100000) >= 100000 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_roll_up() is 'Every minute: takes what is new into the sums under the analysts'' views, in batches: all of the past after the first deploy.';

create or replace procedure jobs.drain_purge()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.purge(1000) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_purge() is 'Every hour: deletes what is kept for a time only, in batches.';

create or replace procedure jobs.drain_write_expiry_notices()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.write_expiry_notices(1000) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_write_expiry_notices() is 'Every hour: tells people of credits that are about to expire, in batches.';

create or replace procedure jobs.drain_create_partitions()
language plpgsql
as $$
begin
  while jobs.create_partitions() > 0 loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_create_partitions() is 'Every day and on every deploy: makes the partitions that are missing, table by table.';

create or replace procedure jobs.drain_retire_partitions()
language plpgsql
as $$
declare
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
begin
  while jobs.retire_partitions(1000) > 0 and pg_catalog.clock_timestamp() < v_stop_at loop
    commit;
  end loop;
end $$;
comment on procedure jobs.drain_retire_partitions() is 'Every day: drops the months that the settings keep no longer, one a transaction.';
