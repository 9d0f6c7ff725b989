create or replace function api.count_request(p_user_id uuid, p_class text, p_address text)
returns table (refusal text, refusal_message text, refusal_detail json, requests integer, remaining integer, reset_seconds integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- All is looked up by key, also in tables that are so often emptied that the planner takes them for empty.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
  v_user constant bytea := engine.request_subject('user', p_user_id, p_address);
  v_address constant bytea := engine.request_subject('address', p_user_id, p_address);
  v_limit record;
  v_counted bytea;
  v_counted_step interval;
  v_resets_at timestamptz;
  v_left integer;
  v_seconds integer;
begin
  for v_limit in
    select l.subject_kind, s.subject, l.requests, l.per / l.requests as step, c.resets_at,
      coalesce(c.resets_at > v_now + l.per / l.requests * (l.requests - 1), false) as is_full
    from playground.request_limits l
    cross join lateral (select case l.subject_kind when 'user' then v_user else v_address end as subject) as s
    left join playground.request_counters c on c.subject = s.subject and c.class = p_class
    where l.class = p_class
      and l.requests is not null
    -- Who is over a limit comes first; otherwise the address before the person, as everybody locks them.
    order by is_full desc, l.subject_kind
  loop
    continue when v_limit.subject is null;
    -- Who is over a limit is told so without a write or a lock: what is free comes with time only.
    v_resets_at := null;
    if not v_limit.is_full then
      v_resets_at := engine.count_request(v_limit.subject, p_class, v_limit.requests, v_limit.step, v_now);
    -- The limit was lowered since, or the clock set back.
    elsif v_limit.resets_at > v_now + v_limit.step * (v_limit.requests + 1) then
      perform engine.lower_request_counter(v_limit.subject, p_class, v_limit.requests, v_limit.step, v_now);
    end if;
    if v_resets_at is null then
      if v_counted is not null then
        perform engine.uncount_request(v_counted, p_class, v_counted_step);
      end if;
      -- Returned, not raised: a raise would forget what was put right above.
      return query
      select 'SCQ01', 'Too many requests; please wait a moment.',
        engine.request_refusal_json(v_limit.subject_kind, v_limit.subject, p_class, v_limit.requests, v_limit.step, v_now),
        null::integer, null::integer, null::integer;
      return;
    end if;
    v_left := v_limit.requests - ceil(extract(epoch from v_resets_at - v_now) / extract(epoch from v_limit.step))::integer;
    v_seconds := ceil(extract(epoch from v_resets_at - v_now))::integer;
    -- The tightest of them is shown.
    if remaining is null or v_left < remaining or v_left = remaining and v_seconds > reset_seconds then
      requests := v_limit.requests;
      remaining := v_left;
      reset_seconds := v_seconds;
    end if;
    v_counted := v_limit.subject;
    v_counted_step := v_limit.step;
  end loop;
  if requests is null and not exists (select from playground.request_limits l where l.class = p_class) then
    raise assert_failure using message = format('There is no class of requests %s.', p_class);
  end if;
  return next;
end $$;
comment on function api.count_request(uuid, text, text) is
  'Counts a request of a class for its person and its address (null: not known), before anything else is done. Returns the tightest limit: requests, how many remain, in how many seconds all are there again; all null when nothing limits it. Or the refusal SCQ01 (limitSource, limit, used, resetsAt, hint, retryAfter in seconds).';
