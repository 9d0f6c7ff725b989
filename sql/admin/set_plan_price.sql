create or replace function admin.set_plan_price(
  p_plan_price text, p_stripe_price_id text, p_reason text, p_amount_cents bigint default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_price playground.plan_prices;
  v_known_cents bigint;
  v_amount_cents bigint;
  v_before text;
begin
  perform engine.check_reason(p_reason);
  perform engine.check_stripe_price_id(p_stripe_price_id);
  if p_amount_cents < 0 or (p_stripe_price_id is null and p_amount_cents is not null) then
    perform engine.refuse('SCD02', 'An amount comes with an id of Stripe, and is no less than 0 cents.');
  end if;
  select * into v_price from playground.plan_prices where plan_price = p_plan_price for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('price of a plan', p_plan_price, array(select plan_price from playground.plan_prices order by plan_price)));
  end if;
  select stripe_price_id into v_before from playground.stripe_prices where plan_price = p_plan_price and is_current;
  select amount_cents into v_known_cents
  from playground.stripe_prices
  where stripe_price_id = p_stripe_price_id
    and plan_price = p_plan_price;
  -- Stripe never changes the amount of a price: an id that is known brings its own back.
  v_amount_cents := coalesce(p_amount_cents, v_known_cents, v_price.amount_cents);
  if v_before is not distinct from p_stripe_price_id and v_price.amount_cents = v_amount_cents
    and (v_known_cents = v_amount_cents or p_stripe_price_id is null) then
    return;
  end if;

  perform engine.make_current(p_stripe_price_id, p_plan_price, null, v_amount_cents, v_price.currency);
  update playground.plan_prices
  set amount_cents = v_amount_cents
  where plan_price = p_plan_price
    and amount_cents <> v_amount_cents;
  perform engine.write_audit(
    'set_plan_price', null, p_plan_price,
    jsonb_build_object('stripePriceId', v_before, 'amountCents', v_price.amount_cents),
    jsonb_build_object('stripePriceId', p_stripe_price_id, 'amountCents', v_amount_cents), p_reason
  );
end $$;
comment on function admin.set_plan_price(text, text, text, bigint) is
  'Says which price of Stripe new subscribers pay (null: none, so nobody can subscribe), and what it charges a month in cents of the plan''s currency (null: as told before for this id, else as the plan costs now). Running subscriptions keep theirs; the same again changes nothing. SCD02 for a wrong id or amount, SCD03 without a reason, SCD04 for an unknown price of a plan, SCD05 when the id is that of something else.';
