create or replace function api.record_stripe_event(p_payload bytea, p_signature text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_is_live_mode constant boolean := engine.signed_mode(p_payload, p_signature, v_now);
  v_event jsonb;
  v_event_id text;
  v_outcome record;
  v_received_at timestamptz;
begin
  if v_is_live_mode is null then
    perform engine.refuse('SCB04', 'The signature is missing, wrong or too old.');
  end if;
  v_event := engine.read_event(p_payload);
  v_event_id := engine.stripe_text(v_event -> 'id');
  if v_event_id is not null and v_event -> 'livemode' is distinct from to_jsonb(v_is_live_mode) then
    perform engine.refuse('SCB04', 'The event is of the other mode.');
  end if;
  -- Signed, but no event that can be read: the bytes are their own name.
  v_event_id := coalesce(v_event_id, 'unreadable_' || encode(sha256(p_payload), 'hex'));

  -- Stripe does not send again what was taken, parked or not.
  perform engine.wait_for_disk();
  -- Decides between deliveries of one event at once: the second waits here for the first.
  insert into playground.stripe_event_ids (event_id, received_at) values (v_event_id, v_now) on conflict do nothing;
  if found then
    if v_event is null or engine.stripe_text(v_event -> 'id') is null then
      select 'parked' as state, 'unreadable' as reason, null::text as waits_for, null::uuid as account_id into v_outcome;
    else
      v_outcome := engine.handle_event(v_event_id, v_event);
    end if;
    insert into playground.stripe_events (
      received_at, event_id, type, created_at, state, reason, waits_for, account_id, next_try_at, handled_at, payload)
    values (
      v_now, v_event_id, engine.stripe_text(v_event -> 'type'), engine.stripe_time(v_event -> 'created'), v_outcome.state, v_outcome.reason,
      v_outcome.waits_for, v_outcome.account_id, case when v_outcome.state = 'parked' then v_now + engine.pause_after(1) end,
      case when v_outcome.state <> 'parked' then engine.now() end, p_payload);
    if v_outcome.state = 'parked' and not engine.is_early(v_outcome.reason) then
      perform engine.alert_parked(v_event_id, engine.stripe_text(v_event -> 'type'), v_outcome.reason, v_now);
    end if;
    return json_build_object('received', true);
  end if;

  -- Known already. A parked one is worth another try: Stripe asks again because somebody pressed the button.
  select received_at into strict v_received_at from playground.stripe_event_ids where event_id = v_event_id;
  perform from playground.stripe_events where received_at = v_received_at and event_id = v_event_id and state = 'parked';
  if found then
    perform engine.retry_event(v_received_at, v_event_id);
  end if;
  return json_build_object('received', true);
end $$;
comment on function api.record_stripe_event(bytea, text) is
  'POST /webhooks/stripe/credits. Checks the signature over the raw bytes, then keeps the event and does what it says, in one transaction; each event once. What cannot be used is parked. SCB04 (nothing is written) unless a valid secret of the event''s mode signed it within signature_tolerance.';
