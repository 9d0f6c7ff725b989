create or replace function admin.create_promo_code(
  p_code text,
  p_credits bigint,
  p_max_redemptions integer,
  p_expires_at timestamptz,
  p_reason text,
  p_credits_expire_after interval default null
)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code constant text := engine.code_key(p_code);
  v_now constant timestamptz := engine.now();
begin
  perform engine.check_reason(p_reason);
  if v_code is null or v_code !~ '^[A-Z0-9_-]{6,64}$' then
    perform engine.refuse('SCD02', 'A code has 6 to 64 of A-Z, 0-9, - and _.');
  end if;
  if p_credits is null or p_credits not between 1 and 1000000000 then
    perform engine.refuse('SCD02', 'Credits must be a number from 1 to 1000000000.');
  end if;
  if p_max_redemptions is null or p_max_redemptions <= 0 then
    perform engine.refuse('SCD02', 'Say how many people may redeem it: a positive number.');
  end if;
  if p_expires_at <= v_now then
    perform engine.refuse('SCD02', 'The code would be over already.');
  end if;
  if p_credits_expire_after <= interval '0' or p_credits_expire_after > interval '1000 years' then
    perform engine.refuse('SCD02', 'Credits must live a while, 1000 years at most, or for good (null).');
  end if;

  insert into playground.promo_codes (code_key, code, credits, max_redemptions, expires_at, credits_expire_after, created_at)
  values (v_code, v_code, p_credits, p_max_redemptions, p_expires_at, p_credits_expire_after, v_now)
  on conflict (code_key) do nothing;
  if not found then
    perform engine.refuse('SCD05', 'There is such a code already, or was one.');
  end if;
  perform engine.write_audit(
    'create_promo_code', null, v_code, null,
    jsonb_build_object(
      'credits', p_credits, 'maxRedemptions', p_max_redemptions, 'expiresAt', engine.iso(p_expires_at),
      'creditsExpireAfter', p_credits_expire_after),
    p_reason
  );
  return v_code;
end $$;
comment on function admin.create_promo_code(text, bigint, integer, timestamptz, text, interval) is
  'Makes a promo code that so many people may redeem, until an instant (null: no end), for credits that live for p_credits_expire_after (null: for good). Returns it as it is looked up: in upper case. SCD02 for a value it cannot have, SCD03 without a reason, SCD05 when it exists.';
