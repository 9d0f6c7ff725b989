create or replace function api.list_transactions(
  p_user_id uuid,
  p_limit integer default 20,
  p_offset integer default 0,
  p_type text default null
)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id constant uuid := engine.visit_user(p_user_id);
  v_total bigint;
  v_lines json;
begin
  perform engine.check_page(p_limit, p_offset);
  if p_type is null then
    -- Numbers have no gaps, so an offset is a subtraction: page 1,000 costs what page 1 does.
    select last_number into v_total from playground.accounts where account_id = v_account_id;
    select json_agg(engine.transaction_json(line) order by line.number desc) into v_lines
    from playground.transactions as line
    where account_id = v_account_id
      and number between v_total - p_offset - p_limit + 1 and v_total - p_offset;
  else
    if p_type not in (
      'signup', 'monthly', 'purchase', 'spend', 'rollover', 'expire', 'refund', 'bonus', 'admin', 'gift'
    ) then
      perform engine.refuse_field('type', 'is not a type of transaction');
    end if;
    select count(*) into v_total from playground.transactions where account_id = v_account_id and type = p_type;
    select json_agg(engine.transaction_json(line) order by line.number desc) into v_lines
    from (
      select *
      from playground.transactions
      where account_id = v_account_id
        and type = p_type
      order by number desc
      limit p_limit
      offset p_offset
    ) as line;
  end if;
  return json_build_object(
    'transactions', coalesce(v_lines, '[]'),
    'total', v_total,
    'pagination', engine.pagination(p_limit, p_offset, v_total)
  );
end $$;
comment on function api.list_transactions(uuid, integer, integer, text) is
  'GET /playground/credits/history. A page of the credit history, newest first, caught up; credits. SCA02, SCV01.';
