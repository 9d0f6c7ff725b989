create or replace function api.set_user_limit(
  p_user_id uuid, p_token text, p_request_id text, p_person_id uuid, p_reason text, p_until timestamptz default null,
  p_monthly_usd numeric default null, p_daily_usd numeric default null, p_runs_per_hour integer default null,
  p_concurrent_runs integer default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_reason_field(p_reason);
  perform engine.check_person(p_person_id);
  if num_nonnulls(p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs) = 0 then
    perform engine.refuse_field('body', 'must name at least one limit; DELETE ends those there are');
  end if;
  if not engine.is_amount(p_monthly_usd) then
    perform engine.refuse_field('monthlyUsd', 'must be 0 or more, below 100 million, with at most 12 decimals');
  end if;
  if not engine.is_amount(p_daily_usd) then
    perform engine.refuse_field('dailyUsd', 'must be 0 or more, below 100 million, with at most 12 decimals');
  end if;
  if p_until <= engine.now() then
    perform engine.refuse_field('until', 'must lie in the future');
  end if;
  -- The account before the person: what is answered may have to catch it up.
  perform engine.touch_account_of(p_person_id);
  perform admin.set_user_limit(p_person_id, p_reason, p_until, p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs);
  return engine.person_document(p_person_id);
end $$;
comment on function api.set_user_limit(uuid, text, text, uuid, text, timestamptz, numeric, numeric, integer, integer) is
  'PUT /admin/cost-analytics/users/{id}/limits. Gives a person limits in place of the tier''s, until an instant or for good, in the place of those of the same kind, and answers how they stand. US dollars a month and a day (UTC), runs an hour and at once; null: the tier''s. SCV01 for a wrong field, without a reason, without a limit or for an instant that is past, SCD02 for a negative number of runs, SCN03 when unknown; SCA01, SCA07.';
