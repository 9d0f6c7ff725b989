create or replace function admin.reconcile_stripe_object(p_type text, p_object jsonb, p_retrieved_at timestamptz, p_reason text)
returns table (outcome text, reason text, is_change boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
  v_event constant jsonb := jsonb_build_object(
    'object', 'event', 'type', p_type, 'created', floor(extract(epoch from least(p_retrieved_at, v_now)))::bigint,
    'data', jsonb_build_object('object', p_object));
  v_event_id constant text := 'reconciled_' || encode(sha256(convert_to(p_type || p_object::text, 'UTF8')), 'hex');
  v_is_live_mode constant boolean := (
    select bool_or(is_live_mode) from playground.webhook_secrets where expires_at is null or expires_at > v_now);
  v_outcome record;
  v_before text;
begin
  perform engine.check_reason(p_reason);
  if jsonb_typeof(p_object) is distinct from 'object' or p_retrieved_at is null or engine.stripe_text(to_jsonb(p_type)) is null then
    perform engine.refuse('SCD02', 'An object of Stripe is needed, its type of event, and when it was retrieved.');
  end if;
  if v_is_live_mode is not null and p_object ? 'livemode' and p_object -> 'livemode' <> to_jsonb(v_is_live_mode) then
    perform engine.refuse('SCD02', 'The object is of the other mode.');
  end if;
  v_before := engine.fingerprint_of_money(p_object);
  v_outcome := engine.handle_event(v_event_id, v_event);
  outcome := v_outcome.state;
  reason := v_outcome.reason;
  is_change := v_outcome.state = 'handled' and engine.fingerprint_of_money(p_object) is distinct from v_before;
  if is_change or v_outcome.state = 'parked' then
    insert into playground.stripe_event_ids (event_id, received_at) values (v_event_id, v_now) on conflict do nothing;
    if found then
      insert into playground.stripe_events (
        received_at, event_id, type, created_at, state, reason, waits_for, account_id, next_try_at, handled_at, payload)
      values (
        v_now, v_event_id, p_type, engine.stripe_time(v_event -> 'created'), v_outcome.state, v_outcome.reason, v_outcome.waits_for,
        v_outcome.account_id, case when v_outcome.state = 'parked' then v_now + engine.pause_after(1) end,
        case when v_outcome.state <> 'parked' then engine.now() end, convert_to((v_event || jsonb_build_object('id', v_event_id))::text, 'UTF8'));
    end if;
    perform engine.write_audit(
      'reconcile_stripe_object', null, p_object ->> 'id', null,
      jsonb_build_object('type', p_type, 'outcome', v_outcome.state, 'reason', v_outcome.reason, 'eventId', v_event_id), p_reason);
  end if;
  return next;
end $$;
comment on function admin.reconcile_stripe_object(text, jsonb, timestamptz, text) is
  'Applies an object as retrieved from Stripe through the same rules as its event: repairs what webhooks that never came left out. is_change: whether it told anything new. What did is kept in the inbox and audited. SCD02, SCD03.';
