create or replace function admin.forget_customer(p_account_id uuid, p_reason text)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_customer_id text;
begin
  perform engine.check_reason(p_reason);
  perform from playground.customers where account_id = p_account_id and customer_id is not null;
  if not found then
    perform engine.refuse('SCD04', 'This payer has no customer at Stripe.');
  end if;
  v_account := engine.lock_account(p_account_id);
  select customer_id into v_customer_id from playground.customers where account_id = p_account_id;
  update playground.customers
  set customer_id = null, requested_at = v_account.last_instant
  where account_id = p_account_id;
  perform engine.write_audit(
    'forget_customer', null, p_account_id::text, jsonb_build_object('customerId', v_customer_id), null, p_reason);
  return v_customer_id;
end $$;
comment on function admin.forget_customer(uuid, text) is
  'When somebody deleted a payer''s customer at Stripe, every purchase is refused there: forgotten, the next one makes a new customer (a day after the old one was made; until then Stripe answers with the old one). What the old one began still counts. Returns its id. SCD03 without a reason, SCD04 when there is none.';
