create or replace function admin.end_plan(p_user_id uuid, p_at_period_end boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_subscription playground.subscriptions;
  v_ends_at timestamptz;
begin
  perform engine.check_reason(p_reason);
  if p_at_period_end is null then
    perform engine.refuse('SCD02', 'Say whether the plan ends with its period or at once.');
  end if;
  v_account := engine.touch_account_of(p_user_id);
  select * into v_subscription
  from playground.subscriptions
  where account_id = v_account.account_id
    and ended_at is null
    and source = 'operator';
  if not found then
    perform engine.refuse('SCD04', 'This person has no plan that was set by hand.');
  end if;

  if p_at_period_end then
    v_ends_at := v_subscription.period_end;
    update playground.subscriptions
    set ends_at = v_ends_at
    where account_id = v_account.account_id
      and subscription_id = v_subscription.subscription_id;
  else
    v_ends_at := v_account.last_instant;
    perform engine.end_subscription(
      v_account.account_id, v_subscription.subscription_id, v_account.last_instant, v_account.last_instant
    );
  end if;
  perform engine.write_audit(
    'end_plan', p_user_id, v_subscription.subscription_id::text,
    jsonb_build_object('endsAt', engine.iso(v_subscription.ends_at)),
    jsonb_build_object('endsAt', engine.iso(v_ends_at)), p_reason
  );
end $$;
comment on function admin.end_plan(uuid, boolean, text) is
  'Ends a plan that was set by hand: at the end of its period, or at once (unused monthly credits expire now). SCD02 when it is not said which, SCD03 without a reason, SCD04 for an unknown person or one without such a plan.';
