-- What a door is called with besides its arguments: the settings of the caller's session. A body is read in that session, and
-- run under what is set there, so each function that runs as the owner says what it takes these to be. Runs on every load and
-- does not change when a function is added.
--
-- Those that change only how a statement is run, or whether it is, are the caller's: plans, time-outs, memory.
do $$
declare
  v_door regprocedure;
begin
  for v_door in
    select oid
    from pg_catalog.pg_proc
    where prosecdef
      and prokind = 'f'
      and pronamespace = any (array['engine', 'api', 'jobs', 'admin', 'analytics']::regnamespace[])
  loop
    execute format('alter function %s', v_door)
      -- A day, a month or a year later is so by the calendar of a place.
      || ' set timezone = ''UTC'''
      || ' set datestyle = ''ISO, MDY'''
      || ' set intervalstyle = ''postgres'''
      -- What a literal and a comparison say; how a name is written.
      || ' set standard_conforming_strings = on'
      || ' set transform_null_equals = off'
      || ' set quote_all_identifiers = off';
  end loop;
end $$;
