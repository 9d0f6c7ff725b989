create or replace function api.delete_session(p_user_id uuid, p_session_id uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz;
begin
  perform engine.find_account(p_user_id);
  -- A run that is being settled has the row locked; its messages are there to be deleted once it is done.
  select created_at into v_created_at
  from playground.sessions
  where user_id = p_user_id
    and session_id = p_session_id
  for update;
  if not found then
    perform engine.refuse('SCS01', 'There is no such conversation.');
  end if;

  delete from playground.messages
  where user_id = p_user_id
    and session_id = p_session_id
    and created_at >= v_created_at;
  delete from playground.sessions
  where user_id = p_user_id
    and session_id = p_session_id;
end $$;
comment on function api.delete_session(uuid, uuid) is
  'DELETE /playground/sessions/{id}. Deletes an own conversation and its messages; what was charged and used stays on record. SCS01 when this person has none such; SCA02.';
