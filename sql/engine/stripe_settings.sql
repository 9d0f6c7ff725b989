-- What operators tell of our account at Stripe: checked here, used by the doors that keep it.

create or replace function engine.check_webhook_secret(p_name text, p_secret text, p_is_live_mode boolean)
returns void
language plpgsql stable
as $$
begin
  if p_name is null or p_name !~ '^[a-z][a-z0-9_]{0,62}$' then
    perform engine.refuse('SCD02', 'A name has up to 63 of a-z, 0-9 and _, and begins with a letter.');
  end if;
  -- A line end copied along would make every signature wrong.
  if octet_length(p_secret) < 16 or p_secret ~ '[[:space:]]' then
    perform engine.refuse('SCD02', 'A webhook secret has at least 16 octets and no blanks.');
  end if;
  if p_secret is not null and p_is_live_mode is null then
    perform engine.refuse('SCD02', 'Say whether the secret is of live mode.');
  end if;
end $$;
comment on function engine.check_webhook_secret(text, text, boolean) is 'SCD02 for a name or a secret that cannot be kept; the message never repeats the secret.';

create or replace function engine.check_stripe_price_id(p_stripe_price_id text)
returns void
language plpgsql stable
as $$
begin
  if p_stripe_price_id !~ '^[!-~]{1,255}$' then
    perform engine.refuse('SCD02', 'A price id of Stripe is up to 255 printable characters without blanks, such as price_1Abc.');
  end if;
end $$;
comment on function engine.check_stripe_price_id(text) is 'SCD02 for what cannot be a price id of Stripe; null is none.';

create or replace function engine.make_current(
  p_stripe_price_id text, p_plan_price text, p_pack text, p_amount_cents bigint, p_currency text)
returns void
language plpgsql volatile
as $$
declare
  v_price playground.stripe_prices;
begin
  -- The one before first: only one may be current.
  update playground.stripe_prices
  set is_current = false
  where is_current
    and stripe_price_id is distinct from p_stripe_price_id
    and (plan_price = p_plan_price or pack = p_pack);
  if p_stripe_price_id is null then
    return;
  end if;
  insert into playground.stripe_prices (stripe_price_id, plan_price, pack, amount_cents, currency, is_current, set_at)
  values (p_stripe_price_id, p_plan_price, p_pack, p_amount_cents, p_currency, true, engine.now())
  on conflict (stripe_price_id) do nothing;
  select * into v_price from playground.stripe_prices where stripe_price_id = p_stripe_price_id;
  if v_price.plan_price is distinct from p_plan_price or v_price.pack is distinct from p_pack then
    perform engine.refuse(
      'SCD05', format('%s is the price of %s already.', p_stripe_price_id, coalesce(v_price.plan_price, 'the pack ' || v_price.pack)));
  end if;
  update playground.stripe_prices
  set is_current = true,
    amount_cents = p_amount_cents
  where stripe_price_id = p_stripe_price_id
    and (not is_current or amount_cents <> p_amount_cents);
end $$;
comment on function engine.make_current(text, text, text, bigint, text) is
  'Makes a price id of Stripe the current one of a price of a plan, or of a pack, whose row the caller has locked; null: none is. Ids before it stay valid for what runs on them. Cents of currency. SCD05 when the id is that of something else.';
