create or replace function api.claim_notices(p_limit integer default 10)
returns table (user_id uuid, notice_id uuid, kind text, email text, username text, details json, created_at timestamptz, attempts integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
begin
  -- Whoever was deleted meanwhile has no address any more: nobody to tell.
  update playground.notices as notice
  set state = 'failed', ended_at = v_now, last_error = 'the person is deleted'
  from playground.users as person
  where notice.state = 'due' and notice.next_try_at <= v_now and notice.email is null
    and person.user_id = notice.user_id and person.deleted_at is not null;

  return query
  -- Materialized: a plan that runs the choice once a row would claim more than p_limit, for nobody to do.
  with claimed as materialized (
    select due.user_id, due.notice_id
    from playground.notices as due
    where due.state = 'due' and due.next_try_at <= v_now
    order by due.next_try_at
    limit least(p_limit, 100)
    for no key update skip locked
  )
  update playground.notices as notice
  set attempts = notice.attempts + 1, next_try_at = v_now + interval '5 minutes'
  from claimed
  left join playground.users as person on person.user_id = claimed.user_id
  where notice.user_id = claimed.user_id and notice.notice_id = claimed.notice_id
  returning notice.user_id, notice.notice_id, notice.kind, coalesce(notice.email, person.email),
    case when notice.email is null then person.username end, notice.details::json, notice.created_at, notice.attempts;
end $$;
comment on function api.claim_notices(integer) is
  'Messages that are due, each claimed for five minutes: whoever dies meanwhile leaves it to the next. What fails is tried again by api.finish_notice.';
