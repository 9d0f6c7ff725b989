create or replace function admin.help(p_about text default '')
returns table (name text, arguments text, about text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select listed.name, listed.arguments, listed.about
  from (
    select
      p.proname::text as name,
      '(' || regexp_replace(
        replace(pg_get_function_arguments(p.oid), 'timestamp with time zone', 'timestamptz'),
        ' DEFAULT ([^:,]+)(::[^,]+)?', e' = \\1', 'g') || ')' as arguments,
      obj_description(p.oid, 'pg_proc') as about
    from pg_proc p
    where p.pronamespace = 'admin'::regnamespace
    union all
    select c.relname, 'view of ' || n.nspname, obj_description(c.oid, 'pg_class')
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('admin', 'analytics')
      and c.relkind = 'v'
  ) as listed
  where not exists (
    select
    from regexp_split_to_table(lower(btrim(p_about)), '[[:space:]]+') as word
    where strpos(lower(concat(listed.name, ' ', listed.about)), word) = 0
  )
  order by
    listed.name <> lower(btrim(p_about)),
    strpos(replace(listed.name, '_', ' '), replace(lower(btrim(p_about)), '_', ' ')) = 0,
    listed.name,
    listed.arguments
$$;
comment on function admin.help(text) is
  'When you do not know what it is called: functions and views for operators with all of these words in name or description, names first, and how they are called. select * from admin.help(''limit''); one with everything it says: select * from admin.help(''set_user_limit'') \gx';
