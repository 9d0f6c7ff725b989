create or replace function admin.set_plan(p_user_id uuid, p_plan_price text, p_anchor timestamptz, p_reason text)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_anchor timestamptz;
  v_subscription_id uuid;
begin
  perform engine.check_reason(p_reason);
  v_account := engine.touch_account_of(p_user_id);
  v_anchor := coalesce(p_anchor, v_account.last_instant);
  if v_anchor not between '2000-01-01 00:00:00+00' and '2999-12-31 00:00:00+00' then
    perform engine.refuse('SCD02', 'The anchor is no date from which months can be counted.');
  end if;
  perform from playground.plan_prices where plan_price = p_plan_price;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('plan', p_plan_price, array(select plan_price from playground.plan_prices order by plan_price)));
  end if;

  v_subscription_id := engine.start_subscription(
    v_account.account_id, p_plan_price, v_anchor, v_account.last_instant
  );
  perform engine.write_audit(
    'set_plan', p_user_id, v_subscription_id::text, null,
    jsonb_build_object('planPrice', p_plan_price, 'anchor', engine.iso(v_anchor)), p_reason
  );
  return v_subscription_id;
end $$;
comment on function admin.set_plan(uuid, text, timestamptz, text) is
  'Gives a person a plan by hand (prpm_plus_individual or prpm_plus_org); its months are counted from the anchor (null: now). Returns the subscription. SCD02 for a wrong anchor, SCD03 without a reason, SCD04 for an unknown person or plan, SCD05 when a plan is live.';
