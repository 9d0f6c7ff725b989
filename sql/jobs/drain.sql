create or replace procedure jobs.drain(p_job text, p_limit integer default null)
language plpgsql
as $$
declare
  -- The stopwatch is the machine's and not engine.now(): under a clock that stands still it would never run out.
  v_stop_at constant timestamptz := pg_catalog.clock_timestamp() + interval '50 seconds';
  v_done bigint;
begin
  loop
    -- Without a limit the function takes its own.
    execute pg_catalog.format('select jobs.%I(%s)', p_job, p_limit) into strict v_done;
    exit when v_done < coalesce(p_limit, 1) or pg_catalog.clock_timestamp() >= v_stop_at;
    commit;
  end loop;
end $$;
comment on procedure jobs.drain(text, integer) is
  'What pg_cron calls where much may be due: jobs.<p_job>(p_limit), one bounded batch after the other, each committed before the next, until one does nothing (with p_limit: does less than that) or 50 seconds have passed; the next time goes on. Runs as its caller: a procedure that commits can have neither SECURITY DEFINER nor SET, so every name is qualified.';
