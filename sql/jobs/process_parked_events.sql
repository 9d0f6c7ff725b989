create or replace function jobs.process_parked_events(p_limit integer default 1)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_alert_after constant interval := (select parked_alert_after from playground.platform_settings);
  v_event record;
  v_tried integer := 0;
begin
  for v_event in
    select received_at, event_id, type, reason
    from playground.stripe_events
    where state = 'parked' and next_try_at <= v_now
    order by next_try_at
    limit p_limit
  loop
    v_tried := v_tried + 1;
    begin
      if engine.retry_event(v_event.received_at, v_event.event_id) = 'parked' and v_event.received_at <= v_now - v_alert_after then
        perform engine.alert_parked(v_event.event_id, v_event.type, v_event.reason, v_now);
      end if;
    exception
      -- Somebody holds its account: the others need not wait.
      when lock_not_available or deadlock_detected then
        update playground.stripe_events
        set next_try_at = v_now + interval '1 minute'
        where received_at = v_event.received_at and event_id = v_event.event_id;
    end;
  end loop;
  return v_tried;
end $$;
comment on function jobs.process_parked_events(integer) is
  'Every minute: tries parked events again, each after a growing pause, and alerts for those that wait longer than parked_alert_after. One an event, so that no account waits for another. Returns how many were tried; 0 when none is due.';
