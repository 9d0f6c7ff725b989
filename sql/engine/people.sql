-- People: what an e-mail address means, who may act, and how a person is shown.

create or replace function engine.email_key(p_email text)
returns text
language sql immutable
as $$
  select lower(btrim(p_email, e' \t\r\n\f\v') collate "C");
$$;
comment on function engine.email_key(text) is 'What an e-mail address is looked up by: trimmed, lower case.';

create or replace function engine.is_email(p_email text)
returns boolean
language sql immutable
as $$
  -- ASCII only, so that no two addresses look alike; other domains are written in punycode.
  select coalesce(
    octet_length(key) <= 254
      and strpos(key, '@') <= 65
      and key ~ ('^' || atom || '([.]' || atom || ')*@(' || label || '[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    false
  )
  from (values (
    engine.email_key(p_email), '[a-z0-9!#$%&''*+/=?^_`{|}~-]+', '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
  )) as address (key, atom, label);
$$;
comment on function engine.is_email(text) is
  'Whether a text can be an e-mail address: ASCII, a domain of at least two labels, at most 254 octets.';

create or replace function engine.person_hash(p_email text)
returns bytea
language plpgsql stable
as $$
declare
  v_key constant text := engine.email_key(p_email);
  v_domain text := split_part(v_key, '@', 2);
  v_name text := coalesce(substring(split_part(v_key, '@', 1) from '^[^+]+'), split_part(v_key, '@', 1));
begin
  if v_domain in ('gmail.com', 'googlemail.com') then
    v_name := replace(v_name, '.', '');
    v_domain := 'gmail.com';
  end if;
  return sha256(convert_to(v_name || '@' || v_domain, 'UTF8'));
end $$;
comment on function engine.person_hash(text) is
  'Who gets signup credits once: sha256 of the e-mail address without case, +tag and, at Gmail, dots.';

create or replace function engine.find_account(p_user_id uuid)
returns uuid
language plpgsql stable
as $$
declare
  v_account_id constant uuid := (
    select account_id
    from playground.users
    where user_id = p_user_id
      and deleted_at is null
  );
begin
  if v_account_id is null then
    perform engine.refuse('SCA02', 'You are not signed in.');
  end if;
  return v_account_id;
end $$;
comment on function engine.find_account(uuid) is 'The account that pays for a person. SCA02 when the person is unknown or deleted.';

create or replace function engine.visit_user(p_user_id uuid)
returns uuid
language plpgsql volatile
as $$
declare
  v_account_id constant uuid := engine.find_account(p_user_id);
begin
  perform engine.refresh_account(v_account_id);
  return v_account_id;
end $$;
comment on function engine.visit_user(uuid) is
  'For those who only look: the account that pays for a person, caught up, locked only when something was due. SCA02 when the person is unknown or deleted.';

create or replace function engine.subscription_json(p_account_id uuid)
returns json
language sql stable
as $$
  select json_build_object(
    'isActive', subscription.status in ('active', 'trialing'),
    'status', subscription.status,
    'plan', price.plan,
    'cancelAtPeriodEnd', subscription.ends_at is not null,
    'currentPeriodEnd', engine.iso(subscription.period_end)
  )
  from playground.subscriptions as subscription
  join playground.plan_prices as price using (plan_price)
  where subscription.account_id = p_account_id
    and subscription.ended_at is null
    and subscription.status <> 'incomplete';
$$;
comment on function engine.subscription_json(uuid) is 'The live subscription of an account as the API shows it; null when there is none.';

create or replace function engine.user_json(p_user_id uuid)
returns json
language sql stable
as $$
  select json_build_object(
    'id', user_id,
    'email', email,
    'username', username,
    'tier', engine.tier_of(user_id),
    'isAdmin', is_admin,
    'isAuthor', is_author,
    'subscription', engine.subscription_json(account_id),
    'createdAt', engine.iso(created_at)
  )
  from playground.users
  where user_id = p_user_id
    and deleted_at is null;
$$;
comment on function engine.user_json(uuid) is 'A person as the API shows them; null when unknown or deleted.';

create or replace function engine.issue_refresh_token(
  p_user_id uuid,
  p_token_hash bytea,
  p_family_id uuid,
  p_instant timestamptz
)
returns void
language sql volatile
as $$
  insert into playground.refresh_tokens (user_id, token_hash, family_id, issued_at, expires_at)
  select p_user_id, p_token_hash, p_family_id, p_instant, p_instant + refresh_token_lifetime
  from playground.platform_settings;
$$;
comment on function engine.issue_refresh_token(uuid, bytea, uuid, timestamptz) is 'Keeps the sha256 of a new refresh token of a family.';

create or replace function engine.lock_refresh_token(p_user_id uuid, p_token_hash bytea)
returns playground.refresh_tokens
language plpgsql volatile
as $$
declare
  v_token playground.refresh_tokens;
begin
  -- One rotation or end of a person's tokens at a time: a replay that ends a family must see the token that a rotation
  -- under way is adding to it.
  perform
  from playground.credentials
  where user_id = p_user_id
  for no key update;

  select token.* into v_token
  from playground.refresh_tokens as token
  join playground.users using (user_id)
  where user_id = p_user_id
    and token_hash = p_token_hash
    and deleted_at is null;
  return v_token;
end $$;
comment on function engine.lock_refresh_token(uuid, bytea) is
  'A refresh token, all null when it or the person is unknown, with the person''s tokens locked against other rotations.';

create or replace function engine.end_token_family(p_user_id uuid, p_family_id uuid, p_instant timestamptz)
returns void
language sql volatile
as $$
  update playground.refresh_tokens
  set revoked_at = p_instant
  where user_id = p_user_id
    and family_id = p_family_id
    and revoked_at is null;
$$;
comment on function engine.end_token_family(uuid, uuid, timestamptz) is 'Revokes every refresh token that comes from one sign-in.';

create or replace function engine.rotate_refresh_token(p_user_id uuid, p_token_hash bytea, p_new_token_hash bytea)
returns boolean
language plpgsql volatile
as $$
declare
  v_token playground.refresh_tokens := engine.lock_refresh_token(p_user_id, p_token_hash);
  v_now constant timestamptz := engine.now();
begin
  -- A token that was used before is in two hands: both have to sign in again.
  if v_token.rotated_at is not null then
    perform engine.end_token_family(p_user_id, v_token.family_id, v_now);
    return false;
  end if;
  if v_token.token_hash is null or v_token.revoked_at is not null or v_token.expires_at <= v_now then
    return false;
  end if;

  update playground.refresh_tokens
  set rotated_at = v_now
  where user_id = p_user_id
    and token_hash = p_token_hash;
  perform engine.issue_refresh_token(p_user_id, p_new_token_hash, v_token.family_id, v_now);
  return true;
end $$;
comment on function engine.rotate_refresh_token(uuid, bytea, bytea) is
  'Exchanges a refresh token for the next of its family. False when it is unknown, expired or revoked; false, and the end of its family, when it was exchanged before.';
