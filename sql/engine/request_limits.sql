-- How many requests somebody may send. A counter is one instant, resets_at: each request moves it on by one step
-- (per / requests) and is let in when it then is no more than `requests` steps ahead of now. So there is no edge of a
-- window with a double burst, and nothing to reset.

create or replace function engine.request_subject(p_subject_kind text, p_user_id uuid, p_address text)
returns bytea
-- Stable as convert_to is, so that it is part of the statements that call it.
language sql stable
as $$ select case p_subject_kind when 'user' then uuid_send(p_user_id) else sha256(convert_to(p_address, 'UTF8')) end $$;
comment on function engine.request_subject(text, uuid, text) is 'What requests are counted under: a person''s id, or the sha256 of an address. Null when it is not known.';

create or replace function engine.count_request(p_subject bytea, p_class text, p_requests integer, p_step interval, p_instant timestamptz)
returns timestamptz
language plpgsql volatile
as $$
declare
  v_resets_at timestamptz;
begin
  insert into playground.request_counters as counter (subject, class, resets_at)
  values (p_subject, p_class, p_instant + p_step)
  on conflict (subject, class) do update
  set resets_at = greatest(counter.resets_at + p_step, excluded.resets_at)
  where counter.resets_at + p_step <= p_instant + p_step * p_requests
  returning counter.resets_at into v_resets_at;
  return v_resets_at;
end $$;
comment on function engine.count_request(bytea, text, integer, interval, timestamptz) is 'Counts a request in one statement, so that of many at once none slips through. Returns when all is there again, null when nothing was left.';

create or replace function engine.uncount_request(p_subject bytea, p_class text, p_step interval)
returns void
language sql volatile
as $$
  update playground.request_counters
  set resets_at = resets_at - p_step
  where subject = p_subject
    and class = p_class
$$;
comment on function engine.uncount_request(bytea, text, interval) is 'Gives a request back that another limit refused.';

create or replace function engine.lower_request_counter(p_subject bytea, p_class text, p_requests integer, p_step interval, p_instant timestamptz)
returns void
language sql volatile
as $$
  update playground.request_counters
  set resets_at = p_instant + p_step * p_requests
  where subject = p_subject
    and class = p_class
    and resets_at > p_instant + p_step * (p_requests + 1)
$$;
comment on function engine.lower_request_counter(bytea, text, integer, interval, timestamptz) is 'Nobody waits longer than the limit in force says, whatever was in force before, or the clock showed.';

create or replace function engine.request_refusal_json(
  p_subject_kind text, p_subject bytea, p_class text, p_requests integer, p_step interval, p_instant timestamptz)
returns json
-- Its plans are kept, those of a function in SQL are made in each call: who floods shall cost little.
language plpgsql stable
as $$
declare
  v_resets_at constant timestamptz := (select resets_at from playground.request_counters where subject = p_subject and class = p_class);
  v_wait constant interval := greatest(interval '0', v_resets_at + p_step - (p_instant + p_step * p_requests));
begin
  return json_build_object(
    'limitSource', 'requests_' || p_subject_kind,
    'limit', p_requests,
    'used', p_requests,
    'resetsAt', engine.iso(p_instant + v_wait),
    'hint', case p_subject_kind
      when 'user' then 'This counts what you send with all your sessions and API keys. Wait a moment, or send less often.'
      else 'This counts all who call from your address. Wait a moment, or send less often.'
    end,
    'retryAfter', greatest(1, ceil(extract(epoch from v_wait)))::bigint);
end $$;
comment on function engine.request_refusal_json(text, bytea, text, integer, interval, timestamptz) is 'Which limit refuses a request, and from when on the next one passes (retryAfter in seconds, rounded up).';
