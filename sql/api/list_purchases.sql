create or replace function api.list_purchases(p_user_id uuid, p_limit integer default 20, p_offset integer default 0)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id constant uuid := engine.visit_user(p_user_id);
  v_total bigint;
  v_purchases json;
begin
  perform engine.check_page(p_limit, p_offset);
  select count(*) into v_total from playground.purchases where account_id = v_account_id;
  select json_agg(engine.purchase_json(purchase) order by purchase.requested_at desc, purchase.purchase_id) into v_purchases
  from (
    select *
    from playground.purchases
    where account_id = v_account_id
    order by requested_at desc, purchase_id
    limit p_limit
    offset p_offset
  ) as purchase;
  return json_build_object(
    'purchases', coalesce(v_purchases, '[]'),
    'total', v_total,
    'pagination', engine.pagination(p_limit, p_offset, v_total)
  );
end $$;
comment on function api.list_purchases(uuid, integer, integer) is
  'GET /playground/credits/purchases. Own purchases, newest first, with what became of them; credits, cents. SCA02, SCV01.';
