create or replace function admin.dismiss_stripe_event(p_event_id text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_received_at constant timestamptz := (select received_at from playground.stripe_event_ids where event_id = p_event_id);
  v_before playground.stripe_events;
begin
  perform engine.check_reason(p_reason);
  select * into v_before from playground.stripe_events where received_at = v_received_at and event_id = p_event_id for no key update;
  if not found then
    perform engine.refuse('SCD04', 'There is no such event in the inbox.');
  elsif v_before.state <> 'parked' then
    perform engine.refuse('SCD05', format('Only what is parked can be dismissed: this event is %s.', v_before.state));
  end if;
  update playground.stripe_events
  set state = 'ignored', reason = 'dismissed: ' || left(btrim(p_reason), 300), handled_at = engine.now(), next_try_at = null
  where received_at = v_received_at and event_id = p_event_id;
  perform engine.write_audit(
    'dismiss_stripe_event', null, p_event_id, jsonb_build_object('state', v_before.state, 'reason', v_before.reason),
    jsonb_build_object('state', 'ignored'), p_reason);
end $$;
comment on function admin.dismiss_stripe_event(text, text) is
  'When a parked event of Stripe is none of ours, or was seen to by hand: it is tried and alerted no more. Its bytes stay as long as the inbox keeps its month; admin.stripe_events shows it as ignored, dismissed: reason. What it would have booked is not booked, also when what it waited for comes; admin.replay_stripe_event takes the dismissal back. SCD03 without a reason, SCD04 for an unknown event, SCD05 for one that is not parked.';
