create or replace function admin.unthrottle(p_user_id uuid, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_user playground.users;
  v_windows integer;
begin
  perform engine.check_reason(p_reason);
  -- Runs change windows under the account's lock; caught up, so that what abandoned runs hold exhausts nothing.
  v_account := engine.touch_account_of(p_user_id);
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set throttled_at = null,
    throttled_reason = null,
    throttled_until = null
  where user_id = p_user_id;
  v_windows := engine.exempt_windows(p_user_id, v_account.last_instant);
  perform engine.write_audit(
    'unthrottle', p_user_id, null, engine.throttle_json(v_user), jsonb_build_object('exemptedWindows', v_windows), p_reason
  );
end $$;
comment on function admin.unthrottle(uuid, text) is
  'Ends an operator''s throttle, and lets the hour, day and month of now that this person has exhausted, or that refused them a run, refuse nothing until they end; a person''s own cap stays. SCD03 without a reason, SCD04 for an unknown person.';
