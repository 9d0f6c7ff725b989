-- Stripe's pages, for packs and plans.

create or replace function engine.apply_checkout(
  p_type text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_checkout_id constant uuid := engine.stripe_uuid(coalesce(p_object #>> '{metadata,checkout_id}', p_object ->> 'client_reference_id'));
  v_account_id constant uuid := engine.stripe_uuid(p_object #>> '{metadata,account_id}');
begin
  -- A page says nothing about money: payments and plans tell of themselves.
  update playground.checkouts c
  set status = case p_type when 'checkout.session.completed' then 'completed' else 'expired' end, ended_at = p_created_at,
    checkout_session_id = coalesce(c.checkout_session_id, engine.stripe_text(p_object -> 'id'))
  where c.account_id = v_account_id and c.checkout_id = v_checkout_id and c.status <> 'completed';
  state := case when found then 'handled' else 'ignored' end;
  reason := case when not found then 'no_change' end;
  apply_checkout.account_id := case when found then v_account_id end;
end $$;
comment on function engine.apply_checkout(text, timestamptz, jsonb) is 'checkout.session.*: whether the page was used or its time is over.';
