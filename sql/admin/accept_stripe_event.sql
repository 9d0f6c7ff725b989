create or replace function admin.accept_stripe_event(p_event_id text, p_reason text)
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
  elsif (v_before.state, v_before.reason) is distinct from ('parked', 'wrong_amount') then
    perform engine.refuse('SCD05', 'Only an event that is parked as wrong_amount can be accepted.');
  end if;
  return query select * from engine.retry_by_hand('accept_stripe_event', v_before, p_reason, true);
end $$;
comment on function admin.accept_stripe_event(text, text) is
  'When somebody paid another amount than our price says, and that is right (a coupon, credit at Stripe, tax): the parked event is applied as if our price were what was paid. The plan''s month or the pack is granted whole; revenue is what was paid, refunds revoke in proportion to it. What became of the event; parked still when something else is in the way. SCD03 without a reason, SCD04 for an unknown event, SCD05 unless it is parked as wrong_amount.';
