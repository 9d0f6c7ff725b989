create or replace function engine.history_of(
  p_user_id uuid, p_session_id uuid, out octets bigint, out history json)
language plpgsql stable
as $$
declare
  v_created_at timestamptz;
begin
  select created_at, history_octets into v_created_at, octets
  from playground.sessions
  where user_id = p_user_id and session_id = p_session_id;
  if not found then
    perform engine.refuse('SCS01', 'There is no such conversation.');
  end if;
  -- Months of an old conversation may be gone: what is left of it is counted.
  if v_created_at < engine.now() - (select message_retention from playground.platform_settings) then
    select coalesce(sum(octet_length(content)), 0) into strict octets
    from playground.messages
    where user_id = p_user_id and session_id = p_session_id and created_at >= v_created_at and is_in_history;
  end if;
  -- No row is read of a history that is too long to be sent.
  if engine.estimate_tokens(octets) <= (select max_input_tokens from playground.platform_settings) then
    select json_agg(json_build_object('role', role, 'content', content) order by number) into history
    from playground.messages
    where user_id = p_user_id and session_id = p_session_id and created_at >= v_created_at and is_in_history;
  end if;
end $$;
comment on function engine.history_of(uuid, uuid) is 'The exchanges of an own conversation that go to the model, and their octets. SCS01 when it is not this person''s.';

create or replace function engine.append_exchange(p_hold playground.holds, p_user_input text, p_answer text, p_is_complete boolean, p_charged bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_is_in_history boolean := p_answer <> '';
  v_octets bigint := case when p_answer <> '' then octet_length(p_user_input) + octet_length(p_answer) else 0 end;
  v_messages integer;
begin
  if p_hold.is_new_session then
    insert into playground.sessions (
      user_id, session_id, package_id, package_version, model, messages, runs, credits_spent, history_octets, created_at, last_run_at)
    values (
      p_hold.user_id, p_hold.session_id, p_hold.package_id, p_hold.package_version, p_hold.model, 2, 1, p_charged, v_octets, p_instant, p_instant)
    returning messages into v_messages;
  else
    update playground.sessions
    set messages = messages + 2, runs = runs + 1, credits_spent = credits_spent + p_charged,
      history_octets = history_octets + v_octets, last_run_at = p_instant, model = p_hold.model
    where user_id = p_hold.user_id and session_id = p_hold.session_id
    returning messages into v_messages;
    -- Deleted meanwhile: nothing of it is kept.
    if not found then
      return;
    end if;
  end if;
  insert into playground.messages (user_id, session_id, number, created_at, hold_id, role, content, is_complete, is_in_history)
  values
    (p_hold.user_id, p_hold.session_id, v_messages - 1, p_instant, p_hold.hold_id, 'user', p_user_input, true, v_is_in_history),
    (p_hold.user_id, p_hold.session_id, v_messages, p_instant, p_hold.hold_id, 'assistant', p_answer, p_is_complete, v_is_in_history);
end $$;
comment on function engine.append_exchange(playground.holds, text, text, boolean, bigint, timestamptz) is
  'Appends input and answer to the conversation of a run, numbered under the session''s lock; makes the session for its first run; drops both when the person deleted it meanwhile.';
