create or replace function admin.set_token_secret(p_secret text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_current playground.token_secrets;
  v_ends_at timestamptz;
begin
  perform engine.check_reason(p_reason);
  -- A line end copied along would make every signature another one.
  if octet_length(p_secret) < 32 or p_secret ~ '^[[:space:]]|[[:space:]]$' then
    perform engine.refuse('SCD02', 'A token secret has at least 32 octets, and no blanks around it.');
  end if;
  -- Two at once would not see each other. Doors only read, and go on.
  lock table playground.token_secrets in share row exclusive mode;
  v_now := engine.now();
  select * into v_current from playground.token_secrets where expires_at is null;
  if v_current.secret = p_secret then
    return;
  end if;

  if p_secret is null then
    update playground.token_secrets set expires_at = v_now where expires_at is null or expires_at > v_now;
    if not found then
      return;
    end if;
    v_ends_at := v_now;
  else
    update playground.token_secrets
    set expires_at = v_now + (select webhook_secret_overlap from playground.platform_settings)
    where expires_at is null
    returning expires_at into v_ends_at;
    insert into playground.token_secrets (secret_id, secret, set_at) values (gen_random_uuid(), p_secret, v_now);
  end if;
  perform engine.write_audit(
    'set_token_secret', null, null,
    jsonb_build_object('setAt', engine.iso(v_current.set_at), 'endsAt', engine.iso(v_ends_at)),
    case when p_secret is not null then jsonb_build_object('setAt', engine.iso(v_now)) end,
    p_reason
  );
end $$;
comment on function admin.set_token_secret(text, text) is
  'Tells the database what the gateway signs access tokens with (JWT_SECRET); a deploy does it. The one before stays valid for webhook_secret_overlap; the same again changes nothing; null ends all now, for when one has leaked: set the new one next. Without one no admin acts over HTTP and no promo code is redeemed, but by API key. The audit log never holds the secret. SCD02 for fewer than 32 octets, SCD03 without a reason.';
