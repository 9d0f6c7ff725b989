create or replace function admin.reset_monthly_api_costs()
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_person record;
  v_user playground.users;
  v_windows jsonb;
  v_exemptions integer;
  v_ended integer := 0;
begin
  for v_person in
    select user_id
    from playground.users
    where throttled_until <= v_now
    union
    select user_id
    from playground.cost_windows
    where is_exempt
      and engine.window_end(kind, starts_at) <= v_now
    order by user_id
  loop
    select * into v_user
    from playground.users
    where user_id = v_person.user_id
    for no key update;
    if v_user.throttled_until <= v_now then
      update playground.users
      set throttled_at = null,
        throttled_reason = null,
        throttled_until = null
      where user_id = v_person.user_id;
      v_ended := v_ended + 1;
    else
      v_user := null;
    end if;

    with past as (
      update playground.cost_windows
      set is_exempt = false
      where user_id = v_person.user_id
        and is_exempt
        and engine.window_end(kind, starts_at) <= v_now
      returning kind, starts_at
    )
    select jsonb_agg(kind || ' ' || engine.iso(starts_at) order by starts_at, kind), count(*)
    into v_windows, v_exemptions
    from past;
    v_ended := v_ended + v_exemptions;
    perform engine.write_audit(
      'reset_monthly_api_costs', v_person.user_id, null,
      engine.throttle_json(v_user) || jsonb_build_object('exemptions', v_windows), null, engine.runbook_reason()
    );
  end loop;
  return v_ended;
end $$;
comment on function admin.reset_monthly_api_costs() is
  'Tidies up after past months, days and hours: ends throttles whose end has passed and exemptions of windows that are over, and returns how many. Changes no cost and no run: costs belong to their month by the clock. One audit line a person; why: SET scrip.reason = ''…''.';
