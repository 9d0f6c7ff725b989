create or replace function admin.throttle(p_user_id uuid, p_reason text, p_until timestamptz default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user playground.users;
  v_now timestamptz;
  v_until constant timestamptz := nullif(p_until, 'infinity');
begin
  perform engine.check_reason(p_reason);
  v_user := engine.lock_user(p_user_id);
  v_now := engine.now();
  -- Years of five digits are no instant to most programs that read one.
  if v_until <= v_now or v_until >= '10000-01-01 00:00:00+00' then
    perform engine.refuse('SCD02', 'A throttle must end in the future, before the year 10000; without an end it is for good.');
  end if;

  update playground.users
  set throttled_at = v_now,
    throttled_reason = btrim(p_reason),
    throttled_until = v_until
  where user_id = p_user_id;
  perform engine.write_notice(p_user_id, 'throttled', engine.iso(v_now), jsonb_build_object('until', engine.iso(v_until)), v_now);
  perform engine.write_audit(
    'throttle', p_user_id, null, engine.throttle_json(v_user),
    jsonb_build_object('throttledAt', engine.iso(v_now), 'reason', btrim(p_reason), 'until', engine.iso(v_until)),
    p_reason
  );
end $$;
comment on function admin.throttle(uuid, text, timestamptz) is
  'Refuses a person''s runs until an instant, or for good when that is null or infinity. The person is told that and until when; the reason is for the audit log. SCD02 for an instant that is past, SCD03 without a reason, SCD04 for an unknown person.';
