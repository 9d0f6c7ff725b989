create or replace function api.get_session(p_user_id uuid, p_session_id uuid)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session playground.sessions;
begin
  perform engine.find_account(p_user_id);
  select * into v_session
  from playground.sessions
  where user_id = p_user_id
    and session_id = p_session_id;
  if not found then
    perform engine.refuse('SCS01', 'There is no such conversation.');
  end if;

  return engine.session_json(v_session)::jsonb || jsonb_build_object('conversation', (
    select coalesce(jsonb_agg(
      jsonb_build_object(
        'number', number,
        'role', role,
        'content', content,
        'complete', is_complete,
        'createdAt', engine.iso(created_at)
      )
      order by number
    ), '[]')
    from playground.messages
    where user_id = p_user_id
      and session_id = p_session_id
      and created_at >= v_session.created_at  -- leaves out the partitions of earlier months
  ));
end $$;
comment on function api.get_session(uuid, uuid) is
  'GET /playground/sessions/{id}. An own conversation with its messages in order; complete: false for an answer that broke off. SCS01 when this person has none such; SCA02.';
