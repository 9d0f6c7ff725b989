create or replace function admin.replay_stripe_event(p_event_id text, p_reason text default 'replayed by hand')
returns table (state text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_received_at constant timestamptz := (select received_at from playground.stripe_event_ids where event_id = p_event_id);
  v_before record;
begin
  perform engine.check_reason(p_reason);
  select e.state, e.reason into v_before from playground.stripe_events e where e.received_at = v_received_at and e.event_id = p_event_id;
  if not found then
    perform engine.refuse('SCD04', 'There is no such event in the inbox.');
  end if;
  -- Who dismissed it thought better of it.
  update playground.stripe_events e
  set state = 'parked', handled_at = null, next_try_at = engine.now()
  where e.received_at = v_received_at and e.event_id = p_event_id and engine.is_dismissed(e.state, e.reason);
  perform engine.retry_event(v_received_at, p_event_id);
  return query
  select e.state::text, e.reason from playground.stripe_events e where e.received_at = v_received_at and e.event_id = p_event_id;
  perform engine.write_audit(
    'replay_stripe_event', null, p_event_id, jsonb_build_object('state', v_before.state, 'reason', v_before.reason),
    (select jsonb_build_object('state', e.state, 'reason', e.reason) from playground.stripe_events e where e.received_at = v_received_at and e.event_id = p_event_id),
    p_reason);
end $$;
comment on function admin.replay_stripe_event(text, text) is
  'Applies an event of the inbox again (admin.stripe_events shows them): when what it waited for is there, or a price became known. Harmless for one that was handled; one that was dismissed is back. SCD03 without a reason, SCD04 for an unknown event.';
