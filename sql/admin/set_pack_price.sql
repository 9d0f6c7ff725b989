create or replace function admin.set_pack_price(p_pack text, p_stripe_price_id text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pack playground.packs;
  v_before text;
  v_amount_cents bigint;
begin
  perform engine.check_reason(p_reason);
  perform engine.check_stripe_price_id(p_stripe_price_id);
  select * into v_pack from playground.packs where pack = p_pack for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('pack', p_pack, array(select pack from playground.packs order by pack)));
  end if;
  select stripe_price_id into v_before from playground.stripe_prices where pack = p_pack and is_current;
  if v_before is not distinct from p_stripe_price_id then
    return;
  end if;

  -- Stripe never changes the amount of a price: an id that is known keeps what was told of it.
  select amount_cents into v_amount_cents
  from playground.stripe_prices
  where stripe_price_id = p_stripe_price_id
    and pack = p_pack;
  v_amount_cents := coalesce(v_amount_cents, v_pack.price_cents);
  perform engine.make_current(p_stripe_price_id, null, p_pack, v_amount_cents, v_pack.currency);
  perform engine.write_audit(
    'set_pack_price', null, p_pack,
    jsonb_build_object('stripePriceId', v_before),
    jsonb_build_object('stripePriceId', p_stripe_price_id, 'amountCents', v_amount_cents), p_reason
  );
end $$;
comment on function admin.set_pack_price(text, text, text) is
  'Says which price of Stripe a pack is sold by (null: none, Stripe is told the amount each time); it charges what the pack costs when the id is first told. The same again changes nothing. SCD02 for a wrong id, SCD03 without a reason, SCD04 for an unknown pack, SCD05 when the id is that of something else.';
