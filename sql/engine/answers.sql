-- Idempotency: unique (user, operation, key) by look-up under the account's lock.

create or replace function engine.find_answer(
  p_user_id uuid, p_operation text, p_key text, p_fingerprint bytea, p_instant timestamptz,
  out status integer, out body text)
language plpgsql volatile
as $$
declare
  v_answer playground.answers;
  v_retention interval := (select answer_retention from playground.platform_settings);
begin
  select * into v_answer
  from playground.answers a
  where a.user_id = p_user_id and a.operation = p_operation and a.idempotency_key = p_key
  order by created_at desc
  limit 1;
  if not found then
    return;
  end if;
  if v_answer.state = 'free' or v_answer.finished_at + v_retention <= p_instant then
    delete from playground.answers a
    where a.user_id = p_user_id and a.operation = p_operation and a.idempotency_key = p_key;
    return;
  end if;
  if v_answer.fingerprint <> p_fingerprint then
    perform engine.refuse('SCI01', 'This Idempotency-Key was used with another request.');
  end if;
  if v_answer.state = 'running' then
    perform engine.refuse('SCI02', 'A run with this Idempotency-Key is still running.', json_build_object('retryAfter', 2));
  end if;
  status := v_answer.status;
  body := v_answer.body;
end $$;
comment on function engine.find_answer(uuid, text, text, bytea, timestamptz) is
  'The answer given before to this key, null when there is none or it may be used again. SCI01 when the request was another one, SCI02 while it runs. The account is locked by the caller.';

create or replace function engine.keep_answer(p_hold playground.holds, p_is_kept boolean, p_status integer, p_body text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  update playground.answers
  set state = case when p_is_kept then 'answered' else 'free' end,
    status = case when p_is_kept then p_status end,
    body = case when p_is_kept then p_body end,
    finished_at = case when p_is_kept then p_instant end
  where user_id = p_hold.user_id and operation = 'run' and idempotency_key = p_hold.idempotency_key and created_at = p_hold.reserved_at
    and hold_id = p_hold.hold_id;
end $$;
comment on function engine.keep_answer(playground.holds, boolean, integer, text, timestamptz) is
  'Ends the idempotency record of a run: its answer is kept for repeats, or the key is free again. Another run that took the freed key keeps it.';

create or replace function engine.check_idempotency_key(p_key text)
returns void
language plpgsql stable
as $$
begin
  if p_key !~ '^[ -~]{1,255}$' then
    perform engine.refuse_field('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
  end if;
end $$;
comment on function engine.check_idempotency_key(text) is 'SCV01 unless a key, if there is one, is 1 to 255 printable ASCII characters.';

create or replace function engine.keep_answer_once(
  p_user_id uuid, p_operation text, p_key text, p_fingerprint bytea, p_status integer, p_body text, p_instant timestamptz,
  out status integer, out body text)
language plpgsql volatile
as $$
begin
  select a.status, a.body into status, body
  from playground.answers a
  where a.user_id = p_user_id and a.operation = p_operation and a.idempotency_key = p_key and a.state = 'answered'
  order by a.created_at desc
  limit 1;
  if found then
    return;
  end if;
  insert into playground.answers (user_id, operation, idempotency_key, created_at, fingerprint, state, status, body, finished_at)
  values (p_user_id, p_operation, p_key, p_instant, p_fingerprint, 'answered', p_status, p_body, p_instant);
  status := p_status;
  body := p_body;
end $$;
comment on function engine.keep_answer_once(uuid, text, text, bytea, integer, text, timestamptz) is
  'Keeps the answer of what is done in one call, for repeats with the same key; returns the one that counts, the first. The account is locked by the caller, who asked engine.find_answer before.';
