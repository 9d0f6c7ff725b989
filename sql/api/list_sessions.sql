create or replace function api.list_sessions(p_user_id uuid, p_limit integer default 20, p_offset integer default 0)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_total bigint;
begin
  perform engine.find_account(p_user_id);
  perform engine.check_page(p_limit, p_offset);
  v_total := (select count(*) from playground.sessions where user_id = p_user_id);
  return json_build_object(
    'sessions', coalesce(
      (
        select json_agg(engine.session_json(listed) order by listed.last_run_at desc, listed.session_id)
        from (
          select *
          from playground.sessions
          where user_id = p_user_id
          order by last_run_at desc, session_id
          limit p_limit
          offset p_offset
        ) as listed
      ),
      '[]'
    ),
    'total', v_total,
    'pagination', engine.pagination(p_limit, p_offset, v_total)
  );
end $$;
comment on function api.list_sessions(uuid, integer, integer) is
  'GET /playground/sessions. A page of the person''s own conversations, newest run first, without messages. SCA02, SCV01.';
