create or replace function api.record_checkout(
  p_user_id uuid,
  p_checkout_id uuid,
  p_checkout_session_id text,
  p_url text,
  p_expires_at timestamptz,
  p_organization_id uuid default null
)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts := engine.lock_account(engine.payer_of(p_user_id, p_organization_id));
  v_url text;
begin
  update playground.checkouts
  set checkout_session_id = p_checkout_session_id, url = p_url, expires_at = p_expires_at, status = 'open'
  where account_id = v_account.account_id
    and checkout_id = p_checkout_id
    and status = 'started';
  select url into v_url
  from playground.checkouts
  where account_id = v_account.account_id
    and checkout_id = p_checkout_id;
  if not found then
    perform engine.refuse('SCB08', 'There is no such checkout.');
  end if;
  return coalesce(v_url, p_url);
end $$;
comment on function api.record_checkout(uuid, uuid, text, text, timestamptz, uuid) is
  'Keeps the page that Stripe made for a checkout and returns its address; the first counts. SCA02, SCB08, SCN01, SCN02.';
