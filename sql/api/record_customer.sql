create or replace function api.record_customer(p_user_id uuid, p_customer_id text, p_organization_id uuid default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts := engine.lock_account(engine.payer_of(p_user_id, p_organization_id));
  v_customer_id text := (engine.request_customer(v_account.account_id, v_account.last_instant)).customer_id;
begin
  -- The first one recorded counts; whoever asked at the same time asked with the same key and has the same.
  if v_customer_id is null then
    perform engine.claim_stripe_id(p_customer_id, 'customer', v_account.account_id);
    update playground.customers set customer_id = p_customer_id where account_id = v_account.account_id;
    v_customer_id := p_customer_id;
    -- Events that were faster than this answer.
    perform engine.retry_waiting(p_customer_id);
  end if;
  return v_customer_id;
end $$;
comment on function api.record_customer(uuid, text, uuid) is
  'Keeps the Stripe customer of a person or an organisation and returns the one that counts: the first. SCA02, SCB09 when it is another payer''s, SCN01, SCN02.';
