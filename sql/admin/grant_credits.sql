create or replace function admin.grant_credits(
  p_user_id uuid,
  p_credits bigint,
  p_reason text,
  p_type text default 'admin'
)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_number bigint;
begin
  perform engine.check_reason(p_reason);
  -- Sums of all credits are bigints, too.
  if p_credits is null or p_credits not between 1 and 1000000000 then
    perform engine.refuse('SCD02', 'Credits must be a number from 1 to 1000000000.');
  end if;
  if p_type is null or p_type not in ('admin', 'bonus') then
    perform engine.refuse('SCD02', 'The type must be admin or bonus.');
  end if;

  v_account := engine.touch_account_of(p_user_id);
  v_number := engine.add_grant(
    v_account.account_id, v_account.last_instant, v_account.last_instant, 'purchased', p_type, p_credits, p_type,
    case p_type when 'bonus' then 'Bonus credits' else 'Credits from the operator' end, p_user_id => p_user_id
  );
  perform engine.write_audit(
    'grant_credits', p_user_id, p_type,
    jsonb_build_object('balance', v_account.last_balance),
    jsonb_build_object('balance', v_account.last_balance + p_credits, 'credits', p_credits, 'number', v_number),
    p_reason
  );
  return v_number;
end $$;
comment on function admin.grant_credits(uuid, bigint, text, text) is
  'Grants credits that do not expire, as admin or bonus. Returns the number of the transaction. SCD02 for a wrong amount or type, SCD03 without a reason, SCD04 for an unknown person.';
