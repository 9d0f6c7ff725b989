create or replace function api.get_metrics()
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_agg(json_build_object('name', name, 'kind', kind, 'help', help, 'samples', samples) order by name), '[]')
  from (
    select name, kind, help, json_agg(json_build_object('labels', labels, 'value', value)) as samples
    from engine.list_metrics()
    group by name, kind, help
  ) as family;
$$;
comment on function api.get_metrics() is 'GET /metrics. What the database counts, by metric with its samples; units are in the names.';
