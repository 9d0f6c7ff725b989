create or replace function admin.set_webhook_secret(p_name text, p_secret text, p_is_live_mode boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_current playground.webhook_secrets;
  v_ends_at timestamptz;
begin
  perform engine.check_reason(p_reason);
  perform engine.check_webhook_secret(p_name, p_secret, p_is_live_mode);
  -- Two at once, one of each mode, would not see each other. Deliveries only read, and go on.
  lock table playground.webhook_secrets in share row exclusive mode;
  v_now := engine.now();
  select * into v_current from playground.webhook_secrets where name = p_name and expires_at is null;
  if v_current.secret = p_secret and v_current.is_live_mode = p_is_live_mode then
    return;
  end if;

  if p_secret is null then
    update playground.webhook_secrets set expires_at = v_now where name = p_name and (expires_at is null or expires_at > v_now);
    if not found then
      return;
    end if;
    v_ends_at := v_now;
  else
    perform
    from playground.webhook_secrets
    where is_live_mode <> p_is_live_mode
      and (expires_at is null or expires_at > v_now);
    if found then
      perform engine.refuse('SCD05', 'A secret of the other mode is valid: end it first, by setting null under its name.');
    end if;
    update playground.webhook_secrets
    set expires_at = v_now + (select webhook_secret_overlap from playground.platform_settings)
    where name = p_name
      and expires_at is null
    returning expires_at into v_ends_at;
    insert into playground.webhook_secrets (secret_id, name, secret, is_live_mode, set_at)
    values (gen_random_uuid(), p_name, p_secret, p_is_live_mode, v_now);
  end if;
  perform engine.write_audit(
    'set_webhook_secret', null, p_name,
    jsonb_build_object('isLiveMode', v_current.is_live_mode, 'setAt', engine.iso(v_current.set_at), 'endsAt', engine.iso(v_ends_at)),
    case when p_secret is not null then jsonb_build_object('isLiveMode', p_is_live_mode, 'setAt', engine.iso(v_now)) end,
    p_reason
  );
end $$;
comment on function admin.set_webhook_secret(text, text, boolean, text) is
  'Sets the secret that Stripe signs webhooks with, one for each name (an endpoint at Stripe): the one before stays valid for webhook_secret_overlap; a null secret ends all of that name now; the same again changes nothing. The audit log never holds the secret. SCD02 for a wrong name or secret (at least 16 octets), SCD03 without a reason, SCD05 while a secret of the other mode, live or test, is valid.';
