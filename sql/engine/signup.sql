create or replace function engine.grant_signup_credits(p_user_id uuid, p_email text)
returns void
language plpgsql volatile
as $$
declare
  v_settings playground.platform_settings;
  v_instant timestamptz;
  v_day timestamptz;
  v_given bigint;
  v_credits bigint;
begin
  -- One signup at a time, so that the day's sum is true; the instant is taken after the wait.
  perform pg_advisory_xact_lock(hashtext('scrip signup credits'));
  select * into strict v_settings from playground.platform_settings;
  v_instant := (engine.lock_account(p_user_id)).last_instant;
  v_day := date_trunc('day', v_instant, 'UTC');
  select coalesce(sum(credits), 0) into v_given from playground.signup_claims where claimed_at >= v_day;
  v_credits := case when v_given + v_settings.signup_credits <= v_settings.signup_credits_per_day then v_settings.signup_credits else 0 end;

  insert into playground.signup_claims (person_hash, credits, claimed_at)
  values (engine.person_hash(p_email), v_credits, v_instant)
  on conflict do nothing;
  if not found then
    return;
  end if;

  if v_credits < v_settings.signup_credits then
    perform engine.alert_once(
      '00000000-0000-0000-0000-000000000000', v_day, 'signup_credits_exhausted',
      jsonb_build_object('given', v_given, 'limit', v_settings.signup_credits_per_day), v_instant
    );
  elsif v_credits > 0 then
    perform engine.add_grant(
      p_user_id, v_instant, v_instant, 'purchased', 'signup', v_credits, 'signup', 'Welcome credits',
      p_user_id => p_user_id
    );
  end if;
end $$;
comment on function engine.grant_signup_credits(uuid, text) is
  'Grants the signup credits: once per person, however the address is written, and at most signup_credits_per_day on a UTC day; beyond that none, and an alert of the platform. The account is new.';
