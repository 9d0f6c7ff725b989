create or replace function api.list_alerts(
  p_user_id uuid, p_token text, p_request_id text, p_person_id uuid default null, p_is_acknowledged boolean default null, p_limit integer default 20, p_cursor text default null)
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
  v_after := engine.read_cursor(p_cursor, '[0-9]{1,16} [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}');

  -- One more than asked for tells whether there is a next page.
  select array_agg(engine.alert_json(listed.alert, listed.email) order by (listed.alert).created_at desc, (listed.alert).alert_id desc),
    array_agg(
      engine.write_cursor(engine.cursor_instant((listed.alert).created_at), (listed.alert).alert_id::text)
      order by (listed.alert).created_at desc, (listed.alert).alert_id desc)
  into v_found, v_places
  from (
    select alert, person.email
    from playground.alerts as alert
    left join playground.users as person using (user_id)
    where (p_person_id is null or alert.user_id = p_person_id)
      and (p_is_acknowledged is null or (alert.acknowledged_at is not null) = p_is_acknowledged)
      and (v_after is null or (alert.created_at, alert.alert_id) < (engine.instant_of_cursor(v_after[1]), v_after[2]::uuid))
    order by alert.created_at desc, alert.alert_id desc
    limit p_limit + 1
  ) as listed;
  return json_build_object(
    'alerts', coalesce(to_json(v_found[1:p_limit]), '[]'),
    'nextCursor', case when cardinality(v_places) > p_limit then v_places[p_limit] end
  );
end $$;
comment on function api.list_alerts(uuid, text, text, uuid, boolean, integer, text) is
  'GET /admin/cost-analytics/alerts. Alerts of people and of the platform, newest first: of one person, acknowledged or not. SCV01 for a limit outside 1–100 or a strange cursor; SCA01, SCA07.';
