begin;
\ir ../helpers.psql
select plan(3);

select is(
  api.list_packs()::jsonb,
  '{"packages": [
    {"id": "small", "name": "Small", "credits": 100, "price": 500, "priceFormatted": "$5.00", "perCreditCost": 5.00, "bonus": 0, "description": "To try a few packages", "popular": false},
    {"id": "medium", "name": "Medium", "credits": 250, "price": 1000, "priceFormatted": "$10.00", "perCreditCost": 4.00, "bonus": 25, "description": "Most popular", "popular": true},
    {"id": "large", "name": "Large", "credits": 600, "price": 2000, "priceFormatted": "$20.00", "perCreditCost": 3.33, "bonus": 50, "description": "Best value", "popular": false}
  ]}'::jsonb,
  'the packs on sale, prices in cents'
);
update playground.packs set price_cents = 123456, currency = 'eur' where pack = 'small';
select is(api.list_packs() -> 'packages' -> 0 ->> 'priceFormatted', 'EUR 1234.56', 'other currencies are named');
update playground.packs set is_active = false;
select is(api.list_packs()::jsonb, '{"packages": []}'::jsonb, 'a pack that is off sale is not shown');

select * from finish();
rollback;
