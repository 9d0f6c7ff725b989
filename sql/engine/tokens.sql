-- Who is asking: the caller's own bearer token, checked here as well as in the gateway, so that whoever has the gateway's password
-- has nobody's rights. gateway/tokens.py issues what is read here, and reads it by the same rules or softer ones.

create or replace function engine.decode_base64url(p_text text)
returns bytea
language sql immutable
as $$
  select case
    when p_text ~ '^[A-Za-z0-9_-]+$' and length(p_text) % 4 <> 1
    then decode(translate(p_text, '-_', '+/') || repeat('=', -length(p_text) & 3), 'base64')
  end;
$$;
comment on function engine.decode_base64url(text) is 'The octets of a part of a JWT: base64url without padding. Null for anything else.';

create or replace function engine.is_signed(p_signed text, p_signature text, p_instant timestamptz)
returns boolean
language plpgsql stable
as $$
declare
  v_secret text;
  v_digest bytea;
  v_is_signed boolean := false;
begin
  for v_secret in
    select secret
    from playground.token_secrets
    where expires_at is null or expires_at > p_instant
  loop
    v_digest := ext.hmac(convert_to(p_signed, 'UTF8'), convert_to(v_secret, 'UTF8'), 'sha256');
    -- As text, so that a signature has one spelling: its last character holds bits that mean nothing.
    v_is_signed := engine.is_same_digest(
      convert_to(translate(encode(v_digest, 'base64'), '+/=', '-_'), 'UTF8'), convert_to(p_signature, 'UTF8')) or v_is_signed;
  end loop;
  return v_is_signed;
end $$;
comment on function engine.is_signed(text, text, timestamptz) is
  'Whether one of the token secrets that are valid at an instant makes this signature (HMAC-SHA256, base64url). Tries all of them, whatever it finds.';

create or replace function engine.is_access_token(p_token text, p_user_id uuid, p_instant timestamptz)
returns boolean
language plpgsql stable
as $$
declare
  v_parts text[];
  v_header json;
  v_claims json;
  v_epoch constant numeric := extract(epoch from p_instant);
  -- What two clocks may differ by, in seconds.
  v_leeway constant integer := 5;
begin
  -- No backslash here: whoever has a session may set standard_conforming_strings, and with it what one means.
  if octet_length(p_token) > 2048 or p_token !~ '^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]{43}$' then
    return false;
  end if;
  v_parts := string_to_array(p_token, '.');
  -- Nothing is read that nobody signed. The one algorithm is taken whatever the header says, which is held against it after.
  if engine.is_signed(v_parts[1] || '.' || v_parts[2], v_parts[3], p_instant) is not true then
    return false;
  end if;

  -- As json, not jsonb: a key that comes twice is seen, and a number stays the text that it is.
  v_header := convert_from(engine.decode_base64url(v_parts[1]), 'UTF8')::json;
  v_claims := convert_from(engine.decode_base64url(v_parts[2]), 'UTF8')::json;
  return (
    select count(*) filter (where key = 'alg') = 1
      and count(*) = count(distinct key)
      and bool_and(json_typeof(value) = 'string' and (key, value #>> '{}') in (('alg', 'HS256'), ('typ', 'JWT')))
    from json_each(v_header)
  ) and (
    select count(*) = count(distinct key)
      and count(*) filter (where json_typeof(value) = 'string' and (key, value #>> '{}') in (('iss', 'scrip'), ('aud', 'scrip-api'), ('sub', p_user_id::text))) = 3
      and count(*) filter (where json_typeof(value) = 'string' and key = 'jti') = 1
      and count(*) filter (where json_typeof(value) = 'number' and case
        when value #>> '{}' !~ '^[0-9]{1,12}$' then false
        when key = 'exp' then (value #>> '{}')::numeric > v_epoch - v_leeway
        when key in ('nbf', 'iat') then (value #>> '{}')::numeric <= v_epoch + v_leeway
      end) = 3
    from json_each(v_claims)
  );
exception
  -- Not UTF-8, not JSON, no object, a character that no text can hold, nested without end.
  when data_exception or program_limit_exceeded then
    return false;
end $$;
comment on function engine.is_access_token(text, uuid, timestamptz) is
  'Whether a token is an access token of this person: a JWT signed by HS256 with a valid token secret, iss, aud, sub, exp, nbf, iat and jti as the gateway writes them. Null for no token.';

create or replace function engine.verify_bearer(p_user_id uuid, p_token text)
returns void
language plpgsql volatile
as $$
declare
  v_key text[];
begin
  if octet_length(p_token) <= 2048 then
    v_key := regexp_match(p_token, '^scrip_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$');
  end if;
  if v_key[1]::uuid = p_user_id then
    perform engine.check_api_key(p_user_id, sha256(convert_to(v_key[2], 'UTF8')), engine.now());
  elsif engine.is_access_token(p_token, p_user_id, engine.now()) is not true then
    perform engine.refuse('SCA01', 'A valid access token or API key is needed.');
  end if;
end $$;
comment on function engine.verify_bearer(uuid, text) is
  'SCA01 unless the token is the person''s own: an access token, or an API key that is not revoked. Whether the person may do anything is for the caller to see.';

create or replace function engine.verify_sign_in(p_user_id uuid, p_token text)
returns void
language plpgsql volatile
as $$
begin
  -- Where no secret was ever told, no door takes an access token, and there is nothing to win by this one.
  perform from playground.token_secrets;
  if found then
    perform engine.verify_bearer(p_user_id, p_token);
  end if;
end $$;
comment on function engine.verify_sign_in(uuid, text) is
  'SCA01 unless the token that a sign-in hands out was made by who holds the token secret: with the gateway''s password alone nobody is signed in as somebody else.';
