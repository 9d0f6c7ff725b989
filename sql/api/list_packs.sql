create or replace function api.list_packs()
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('packages', coalesce(
    json_agg(
      json_build_object(
        'id', pack,
        'name', name,
        'credits', credits,
        'price', price_cents,
        'priceFormatted', case currency when 'usd' then '$' else upper(currency) || ' ' end
          || to_char(price_cents / 100.0, 'FM999999999990.00'),
        'perCreditCost', round(price_cents / credits::numeric, 2),
        'bonus', bonus_percent,
        'description', description,
        'popular', is_popular
      )
      order by position, pack
    ),
    '[]'
  ))
  from playground.packs
  where is_active;
$$;
comment on function api.list_packs() is
  'GET /playground/credits/packages. Packs on sale: price and perCreditCost in cents, bonus in percent.';
