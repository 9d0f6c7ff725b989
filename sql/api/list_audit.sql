create or replace function api.list_audit(
  p_user_id uuid, p_token text, p_request_id text, p_person_id uuid default null, p_action text default null, p_limit integer default 20, p_cursor text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_after text[];
  v_found json[];
  v_places text[];
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_limit(p_limit);
  v_after := engine.read_cursor(p_cursor, '[0-9]{1,16} [0-9]{1,18}');

  -- One more than asked for tells whether there is a next page.
  select array_agg(listed.shown order by listed.created_at desc, listed.audit_id desc),
    array_agg(engine.write_cursor(engine.cursor_instant(listed.created_at), listed.audit_id::text) order by listed.created_at desc, listed.audit_id desc)
  into v_found, v_places
  from (
    select line.created_at, line.audit_id, json_build_object(
        'id', line.audit_id::text,
        'createdAt', engine.iso(line.created_at),
        'actor', line.actor,
        'actingUserId', line.acting_user_id,
        'action', line.action,
        'userId', line.user_id,
        'subject', line.subject,
        'before', line.before,
        'after', line.after,
        'reason', line.reason,
        'requestId', line.request_id
      ) as shown
    from playground.audit_log as line
    where (p_person_id is null or line.user_id = p_person_id)
      and (p_action is null or line.action = p_action)
      and (v_after is null or (line.created_at, line.audit_id) < (engine.instant_of_cursor(v_after[1]), v_after[2]::bigint))
    order by line.created_at desc, line.audit_id desc
    limit p_limit + 1
  ) as listed;
  return json_build_object(
    'audit', coalesce(to_json(v_found[1:p_limit]), '[]'),
    'nextCursor', case when cardinality(v_places) > p_limit then v_places[p_limit] end
  );
end $$;
comment on function api.list_audit(uuid, text, text, uuid, text, integer, text) is
  'GET /admin/cost-analytics/audit. Who changed what, before and after, when and why, newest first: all, or about one person, or of one action. SCV01 for a limit outside 1–100 or a strange cursor; SCA01, SCA07.';
