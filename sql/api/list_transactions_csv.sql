create or replace function api.list_transactions_csv(
  p_user_id uuid,
  p_before_number bigint default null,
  p_limit integer default 1000
)
returns table (chunk text, next_number bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id constant uuid := engine.visit_user(p_user_id);
  v_newest bigint;
  v_oldest bigint;
begin
  perform engine.check_page(p_limit, 0, 10000);
  select least(last_number, p_before_number - 1) into v_newest
  from playground.accounts
  where account_id = v_account_id;
  v_oldest := greatest(1, v_newest - p_limit + 1);
  return query
  select
    case
      when p_before_number is null
        then e'number,type,amount,balanceAfter,description,metadata,sessionId,purchaseId,createdAt\r\n'
      else ''
    end || coalesce(string_agg(engine.transaction_csv(line), '' order by line.number desc), ''),
    case when v_oldest > 1 then v_oldest end
  from playground.transactions as line
  where account_id = v_account_id
    and number between v_oldest and v_newest;
end $$;
comment on function api.list_transactions_csv(uuid, bigint, integer) is
  'GET /playground/credits/history.csv. A chunk of the whole history as CSV lines, newest first, header in the first one; next_number: p_before_number of the next chunk, null after the last. SCA02; SCV01 for a limit outside 1–10000.';
