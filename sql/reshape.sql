-- Operators read plain numerics, without trailing zeros. A view's column cannot change its type in place: what was made when it
-- still had the fixed scale of its table is dropped here, once, and made anew by its file.
do $$
declare
  v_views text;
begin
  select string_agg(distinct view.oid::regclass::text, ', ')
  into v_views
  from pg_catalog.pg_class as view
  join pg_catalog.pg_attribute as shown on shown.attrelid = view.oid and shown.attnum > 0
  where view.relnamespace = 'admin'::regnamespace
    and view.relkind = 'v'
    and (shown.atttypid = 'playground.usd'::regtype or shown.atttypid = 'numeric'::regtype and shown.atttypmod <> -1);
  if v_views is not null then
    execute 'drop view ' || v_views;
  end if;
end $$;
