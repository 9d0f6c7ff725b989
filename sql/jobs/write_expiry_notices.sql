create or replace function jobs.write_expiry_notices(p_limit integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_due record;
  v_written integer := 0;
begin
  for v_due in
    select expiring.account_id, expiring.bucket, expiring.expires_at, expiring.subject, expiring.credits
    from (
      select lots.account_id, lots.bucket, lots.expires_at, sum(lots.remaining - lots.held - lots.suspended) as credits,
        concat(lots.bucket, ':', to_char(lots.expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) as subject
      from playground.grants as lots
      join playground.users as person on person.user_id = lots.account_id
      where lots.expired_at is null
        and lots.expires_at > v_now
        and lots.expires_at <= v_now + (select expiry_notice from playground.platform_settings)
        and lots.remaining > lots.held + lots.suspended
        and person.deleted_at is null
        -- What a plan that goes on has given is carried over by it, so nobody need hurry.
        and not exists (
          select from playground.subscriptions as plan
          where plan.account_id = lots.account_id
            and plan.subscription_id = lots.subscription_id
            and lots.bucket = 'monthly'
            and plan.status in ('active', 'trialing')
            and plan.ends_at is null
        )
      group by lots.account_id, lots.bucket, lots.expires_at
    ) as expiring
    where not exists (
      select from playground.notices as notice
      where notice.user_id = expiring.account_id and notice.kind = 'credits_expire' and notice.subject = expiring.subject
    )
    order by expiring.expires_at, expiring.account_id, expiring.bucket
    limit p_limit
  loop
    perform engine.write_notice(
      v_due.account_id, 'credits_expire', v_due.subject,
      jsonb_build_object('credits', v_due.credits, 'expiresAt', v_due.expires_at),
      v_now
    );
    v_written := v_written + 1;
  end loop;
  return v_written;
end $$;
comment on function jobs.write_expiry_notices(integer) is
  'Tells at most p_limit people, once each, of credits that expire within platform_settings.expiry_notice. Returns how many notices were written; 0 when everybody was told.';
