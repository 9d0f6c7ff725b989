-- Whether Stripe sent it: checked here, so that whoever has the gateway's password still cannot say what was paid.
-- The scheme is Stripe's: https://docs.stripe.com/webhooks#verify-manually

create or replace function engine.is_same_digest(p_left bytea, p_right bytea)
returns boolean
language plpgsql immutable
as $$
declare
  v_difference integer := octet_length(p_left) # octet_length(p_right);
begin
  -- Looks at every octet whatever it finds: the time taken tells nothing about where two digests differ.
  for v_i in 0 .. coalesce(least(octet_length(p_left), octet_length(p_right)), 0) - 1 loop
    v_difference := v_difference | (get_byte(p_left, v_i) # get_byte(p_right, v_i));
  end loop;
  return coalesce(v_difference = 0, false);
end $$;
comment on function engine.is_same_digest(bytea, bytea) is 'Compares two digests in a time that does not depend on their content; what is missing is like nothing.';

create or replace function engine.signed_mode(p_payload bytea, p_signature text, p_instant timestamptz)
returns boolean
language plpgsql stable
as $$
declare
  v_time text;
  v_signatures bytea[] := array[]::bytea[];
  v_item text;
  v_secret record;
  v_digest bytea;
  v_is_live_mode boolean;
begin
  if octet_length(p_signature) > 4096 then
    return null;
  end if;
  foreach v_item in array string_to_array(coalesce(p_signature, ''), ',') loop
    if v_item like 't=%' then
      if v_time is not null or v_item !~ '^t=[0-9]{1,12}$' then
        return null;
      end if;
      v_time := substr(v_item, 3);
    elsif v_item ~ '^v1=[0-9a-f]{64}$' then
      v_signatures := v_signatures || decode(substr(v_item, 4), 'hex');
    end if;
  end loop;
  if v_time is null or cardinality(v_signatures) not between 1 and 16 then
    return null;
  end if;

  for v_secret in
    select s.secret, s.is_live_mode
    from playground.webhook_secrets s
    cross join playground.platform_settings w
    where (s.expires_at is null or s.expires_at > p_instant)
      and abs(extract(epoch from p_instant) - v_time::numeric) <= extract(epoch from w.signature_tolerance)
  loop
    v_digest := ext.hmac(convert_to(v_time || '.', 'UTF8') || p_payload, convert_to(v_secret.secret, 'UTF8'), 'sha256');
    for v_i in 1 .. cardinality(v_signatures) loop
      if engine.is_same_digest(v_digest, v_signatures[v_i]) then
        v_is_live_mode := v_secret.is_live_mode;
      end if;
    end loop;
  end loop;
  return v_is_live_mode;
end $$;
comment on function engine.signed_mode(bytea, text, timestamptz) is
  'Whether the secret that signed these bytes is one of live mode; null when no valid secret did, the header is not Stripe''s (one t, v1 in hex), or its time lies further off than signature_tolerance, before or after.';
