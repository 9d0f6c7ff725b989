create or replace function admin.replay_stripe_event(p_event_id text, p_reason text default 'replayed by hand')
returns table (state text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_received_at constant timestamptz := (select received_at from playground.stripe_event_ids where event_id = p_event_id);
  v_before playground.stripe_events;
begin
  perform engine.check_reason(p_reason);
  select * into v_before from playground.stripe_events e where e.received_at = v_received_at and e.event_id = p_event_id;
  if not found then
    perform engine.refuse('SCD04', 'There is no such event in the inbox.');
  end if;
  -- Who dismissed it thought better of it.
  update playground.stripe_events e
  set state = 'parked', handled_at = null, next_try_at = engine.now()
  where e.received_at = v_received_at and e.event_id = p_event_id and engine.is_dismissed(e.state, e.reason);
  return query select * from engine.retry_by_hand('replay_stripe_event', v_before, p_reason);
end $$;
comment on function admin.replay_stripe_event(text, text) is
  'Applies an event of the inbox again (admin.stripe_events shows them): when what it waited for is there, or a price became known. Harmless for one that was handled; one that was dismissed is back. SCD03 without a reason, SCD04 for an unknown event.';
