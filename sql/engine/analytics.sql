-- The analysts' views and their caches. A file of sql/analytics makes one plain view, analytics.<name>_new, with a comment on
-- every column; build_analytics makes of each that differs from the one in use
--   rollup.<name>_now       the view itself: the figures of this moment
--   rollup.<name>_cache     a materialized view of it
--   rollup.<name>           the cache, and refreshed_at
--   analytics.<name>_now, analytics.<name>    the same without what analysts do not see
-- What does not differ is not touched: a load waits for no reader, and no reader for a load.

create or replace function engine.analytics_caches()
returns table (name text, key_columns text[], hidden_columns text[])
language sql immutable
as $$
  select *
  from (values
    ('daily_usage', array['day', 'tier'], '{}'::text[]),
    ('engagement', array['day'], '{}'),
    ('model_margin', array['day', 'model'], '{}'),
    ('package_usage', array['package'], '{}'),
    ('user_cost_analytics', array['user_id'], array['user_id']),
    ('credit_flow', array['month'], '{}'),
    ('deferred_revenue', array['source', 'currency'], '{}'),
    ('revenue', array['month', 'currency'], '{}'),
    ('conversion', array['month', 'segment'], '{}'),
    ('cohorts', array['cohort', 'month_number'], '{}'),
    ('expiring_credits', array['day', 'bucket'], '{}'),
    ('webhooks', array['day'], '{}')
  ) as listed
$$;
comment on function engine.analytics_caches() is
  'The views of analytics that are cached: name, the columns that tell its rows apart (never null), the columns that stay in rollup. Refreshed in this order.';

create or replace function engine.pseudonym(p_user_id uuid, p_key text)
returns text
language sql immutable
-- Read once, here: a body in quotes would be read by whoever reads the view, to whom `text` could be a type of their own
-- that tells what it is given: the person's id, and the key.
return 'p_' || substr(encode(sha256((p_key || p_user_id::text)::bytea), 'hex'), 1, 16);
comment on function engine.pseudonym(uuid, text) is
  'The name under which analysts see a person; p_key is platform_state.pseudonym_key: the same person has the same name in every view, and another in every installation.';

create or replace function engine.copy_comments(p_from regclass, p_to regclass)
returns void
language plpgsql volatile
as $$
declare
  v_column record;
begin
  if obj_description(p_from, 'pg_class') is distinct from obj_description(p_to, 'pg_class') then
    if exists (select from pg_catalog.pg_class where oid = p_to and relkind = 'm') then
      execute format('comment on materialized view %s is %L', p_to, obj_description(p_from, 'pg_class'));
    else
      execute format('comment on view %s is %L', p_to, obj_description(p_from, 'pg_class'));
    end if;
  end if;
  for v_column in
    select target.attname as name, col_description(p_from, source.attnum) as comment
    from pg_catalog.pg_attribute as source
    join pg_catalog.pg_attribute as target on target.attname = source.attname
    where source.attrelid = p_from
      and target.attrelid = p_to
      and target.attnum > 0
      and col_description(p_from, source.attnum) is distinct from col_description(p_to, target.attnum)
  loop
    execute format('comment on column %s.%I is %L', p_to, v_column.name, v_column.comment);
  end loop;
end $$;
comment on function engine.copy_comments(regclass, regclass) is 'Gives a view the comments of another, and its columns those of the columns of the same names.';

create or replace function engine.column_list(p_columns text[], p_left_out text[] default '{}')
returns text
language sql immutable
as $$
  select string_agg(quote_ident(name), ', ' order by place)
  from unnest(p_columns) with ordinality as listed (name, place)
  where name <> all (p_left_out)
$$;
comment on function engine.column_list(text[], text[]) is 'Names of columns, quoted, as a statement lists them.';

create or replace function engine.drop_cache(p_view regclass)
returns void
language plpgsql volatile
as $$
declare
  v_reader regclass;
begin
  -- Whoever reads has locked what they named before what is under it; so is it done here, or each would wait for the other.
  -- To name the owner again is to lock one view, and nothing under it.
  for v_reader in
    with recursive reader (oid, depth) as (
      select p_view::oid, 0
      union all
      select rule.ev_class, reader.depth + 1
      from reader
      join pg_catalog.pg_depend as dependency on dependency.refclassid = 'pg_class'::regclass and dependency.refobjid = reader.oid
      join pg_catalog.pg_rewrite as rule on dependency.classid = 'pg_rewrite'::regclass and rule.oid = dependency.objid
      where rule.ev_class <> reader.oid
    )
    select oid
    from reader
    group by oid
    order by max(depth) desc
  loop
    if exists (select from pg_catalog.pg_class where oid = v_reader and relkind = 'm') then
      execute format('alter materialized view %s owner to current_user', v_reader);
    else
      execute format('alter view %s owner to current_user', v_reader);
    end if;
  end loop;
  execute format('drop view %s cascade', p_view);
end $$;
comment on function engine.drop_cache(regclass) is 'Drops a live view with its cache, their doors and whatever else reads them; what has a file is made again by the load that called this.';

create or replace function engine.build_cache(p_name text, p_key_columns text[], p_hidden_columns text[])
returns boolean
language plpgsql volatile
as $$
declare
  v_new constant regclass := format('analytics.%I', p_name || '_new');
  v_now constant regclass := to_regclass(format('rollup.%I', p_name || '_now'));
  v_cache constant regclass := to_regclass(format('rollup.%I', p_name || '_cache'));
  v_door constant regclass := to_regclass(format('analytics.%I', p_name));
  v_columns constant text[] := array(select attname::text from pg_catalog.pg_attribute where attrelid = v_new and attnum > 0 order by attnum);
  v_instant constant timestamptz := engine.now();
  v_started_at constant timestamptz := clock_timestamp();
  v_is_as_before boolean;
begin
  v_is_as_before := coalesce(
    pg_get_viewdef(v_new) = pg_get_viewdef(v_now)
      and v_columns = array(select attname::text from pg_catalog.pg_attribute where attrelid = v_cache and attnum > 0 and not attisdropped order by attnum)
      -- Types of the tables underneath may have changed with a migration, under the same text.
      and not exists (
        select from pg_catalog.pg_attribute as fresh
        join pg_catalog.pg_attribute as cached on cached.attrelid = v_cache and cached.attname = fresh.attname
        where fresh.attrelid = v_new and fresh.attnum > 0 and (fresh.atttypid, fresh.atttypmod) is distinct from (cached.atttypid, cached.atttypmod))
      and p_key_columns = array(
        select attname::text
        from pg_catalog.pg_index
        cross join unnest(indkey) with ordinality as part (number, place)
        join pg_catalog.pg_attribute on attrelid = indrelid and attnum = part.number
        where indrelid = v_cache and indisunique
        order by place)
      and engine.column_list(v_columns, p_hidden_columns) = engine.column_list(
        array(select attname::text from pg_catalog.pg_attribute where attrelid = v_door and attnum > 0 order by attnum), '{refreshed_at}'),
    false);
  if not v_is_as_before then
    -- Filled beside the one in use; only then, for the rest of the load, whoever reads it waits.
    execute format('create materialized view rollup.%I as select * from %s', p_name || '_cache_new', v_new);
    execute format('create unique index on rollup.%I (%s)', p_name || '_cache_new', engine.column_list(p_key_columns));
    if v_now is not null then
      perform engine.drop_cache(v_now);
    end if;
    execute format('alter view %s set schema rollup', v_new);
    execute format('alter view rollup.%I rename to %I', p_name || '_new', p_name || '_now');
    execute format('alter materialized view rollup.%I rename to %I', p_name || '_cache_new', p_name || '_cache');
    execute format(
      'create view rollup.%I as select %s, (select r.refreshed_at from rollup.refreshes as r where r.name = %L) as refreshed_at from rollup.%I',
      p_name, engine.column_list(v_columns), p_name, p_name || '_cache');
    execute format('create view analytics.%I as select %s from rollup.%I', p_name || '_now', engine.column_list(v_columns, p_hidden_columns), p_name || '_now');
    execute format('create view analytics.%I as select %s, refreshed_at from rollup.%I', p_name, engine.column_list(v_columns, p_hidden_columns), p_name);
    perform engine.note_refresh(p_name, v_instant, null, clock_timestamp() - v_started_at);
  end if;
  perform engine.copy_comments(case when v_is_as_before then v_new else format('rollup.%I', p_name || '_now')::regclass end, copy.target)
  from unnest(array[
    format('rollup.%I', p_name || '_now'), format('rollup.%I', p_name || '_cache'), format('rollup.%I', p_name),
    format('analytics.%I', p_name || '_now'), format('analytics.%I', p_name)
  ]::regclass[]) as copy (target);
  if v_is_as_before then
    execute format('drop view %s', v_new);
  else
    execute format('comment on column rollup.%I.refreshed_at is %L', p_name, 'When these figures were taken.');
    execute format('comment on column analytics.%I.refreshed_at is %L', p_name, 'When these figures were taken.');
  end if;
  return not v_is_as_before;
end $$;
comment on function engine.build_cache(text, text[], text[]) is
  'Makes of analytics.<name>_new the live view, its cache (filled) and the doors to both, unless those in use are the same; true when it did.';

create or replace function engine.build_analytics()
returns integer
language plpgsql volatile
as $$
declare
  v_stale name;
  v_cache record;
  v_built integer := 0;
begin
  for v_stale in
    select relname
    from pg_catalog.pg_class
    where relnamespace = 'rollup'::regnamespace
      and relkind = 'v'
      and relname ~ '_now$'
      and left(relname, -4) not in (select name from engine.analytics_caches())
  loop
    raise warning 'sweep: dropping rollup.% and its cache, which have no file', v_stale;
    perform engine.drop_cache(format('rollup.%I', v_stale));
    delete from rollup.refreshes where name = left(v_stale, -4);
  end loop;
  for v_cache in
    select * from engine.analytics_caches()
  loop
    v_built := v_built + engine.build_cache(v_cache.name, v_cache.key_columns, v_cache.hidden_columns)::integer;
  end loop;
  select relname into v_stale from pg_catalog.pg_class where relnamespace = 'analytics'::regnamespace and relname ~ '_new$';
  if found then
    raise exception 'analytics.% has no line in engine.analytics_caches()', v_stale;
  end if;
  return v_built;
end $$;
comment on function engine.build_analytics() is
  'Part of the load: makes the caches that are missing or differ from their file, and drops those that have none; returns how many it made.';

create or replace function engine.refresh_analytics()
returns timestamptz
language plpgsql volatile
-- Another refresh is waited for longer than a statement of its caller would be.
set lock_timeout = '1min'
as $$
declare
  v_cache text;
  v_instant timestamptz;
  v_started_at timestamptz;
begin
  -- A load replaces views that are read here one after the other: each would wait for the other. So a load waits for all of
  -- it, or it for the load.
  perform pg_advisory_xact_lock_shared(hashtext('scrip load'));
  perform engine.roll_up();
  v_instant := engine.now();
  for v_cache in
    select name from engine.analytics_caches()
  loop
    v_started_at := clock_timestamp();
    execute format('refresh materialized view concurrently rollup.%I', v_cache || '_cache');
    perform engine.note_refresh(v_cache, v_instant, null, clock_timestamp() - v_started_at);
  end loop;
  -- Days that nothing can be corrected in any more: their people are counted.
  delete from rollup.user_days where day < v_instant - interval '40 days';
  return v_instant;
end $$;
comment on function engine.refresh_analytics() is
  'Takes what is new into the sums and makes every cache anew, beside its readers; returns the instant the figures are of. One at a time.';
