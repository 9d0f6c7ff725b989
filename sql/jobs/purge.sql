create or replace function jobs.purge(p_limit integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_retention constant interval := (select answer_retention from playground.platform_settings);
  v_total integer := 0;
  v_deleted integer;
begin
  delete from playground.answers
  where (user_id, operation, idempotency_key, created_at) in (
    select user_id, operation, idempotency_key, created_at
    from playground.answers
    where created_at < v_now - v_retention
      and (finished_at < v_now - v_retention or (state <> 'answered' and created_at < v_now - v_retention - interval '1 day'))
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.refresh_tokens
  where (user_id, token_hash) in (
    select user_id, token_hash
    from playground.refresh_tokens
    where expires_at < v_now - interval '7 days'
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.login_attempts
  where email_hash in (
    select email_hash
    from playground.login_attempts
    where window_starts_at < v_now - interval '1 day'
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.notices
  where (user_id, notice_id) in (
    select user_id, notice_id
    from playground.notices
    where ended_at < v_now - interval '90 days'
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  -- Where no webhook is set nobody asks for them; what nobody took in a week is no news any more.
  update playground.alert_deliveries
  set state = 'failed', ended_at = v_now, last_error = coalesce(last_error, 'nobody asked for it')
  where (user_id, alert_id) in (
    select user_id, alert_id
    from playground.alert_deliveries
    where state = 'due'
      and created_at < v_now - interval '7 days'
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.alert_deliveries
  where (user_id, alert_id) in (
    select user_id, alert_id
    from playground.alert_deliveries
    where ended_at < v_now - interval '90 days'
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.code_attempts
  where subject_hash in (
    select subject_hash
    from playground.code_attempts
    where window_starts_at < v_now - greatest(interval '1 day', (select code_attempt_window from playground.platform_settings))
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  delete from playground.cost_windows
  where (user_id, kind, starts_at) in (
    select user_id, kind, starts_at
    from playground.cost_windows
    where starts_at < v_now - case kind when 'hour' then interval '40 days' when 'day' then interval '400 days' end
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  v_total := v_total + v_deleted;

  -- Last: who is counted anew just now waits until this is committed.
  delete from playground.request_counters
  where (subject, class) in (
    select subject, class
    from playground.request_counters
    where resets_at <= v_now
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  return v_total + v_deleted;
end $$;
comment on function jobs.purge(integer) is
  'Every hour: deletes what is kept for a time only, at most p_limit rows of each table: answers to Idempotency-Keys past answer_retention, refresh tokens a week after their end, sign-in attempts and wrong promo codes of yesterday, counters of requests whose time has come, windows of hours after 40 days and of days after 400, messages to people and alerts to the webhook 90 days after they were sent; alerts that nobody took within 7 days end as failed. Returns how many rows went; 0 when there is nothing left.';
