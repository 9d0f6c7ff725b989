create or replace function admin.end_promo_code(p_code text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code playground.promo_codes;
  v_now timestamptz;
begin
  perform engine.check_reason(p_reason);
  v_code := engine.find_code(p_code);
  if v_code.code_key is null then
    perform engine.refuse('SCD04', 'There is no such code.');
  end if;
  if v_code.ended_at is not null then
    perform engine.refuse('SCD05', 'This code has ended already.');
  end if;
  v_now := engine.now();
  update playground.promo_codes
  set ended_at = v_now
  where code_key = v_code.code_key;
  perform engine.write_audit(
    'end_promo_code', null, v_code.code_key,
    jsonb_build_object('redemptions', v_code.redemptions), jsonb_build_object('endedAt', engine.iso(v_now)), p_reason
  );
end $$;
comment on function admin.end_promo_code(text, text) is
  'Ends a promo code for good; what it brought stays. SCD03 without a reason, SCD04 for an unknown code, SCD05 when it has ended already.';
