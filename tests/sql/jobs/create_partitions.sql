begin;
\ir ../helpers.psql
select plan(11);
create function tests.partitions(p_parent text)
returns text
language sql
as $$
  select string_agg(relname || ' ' || pg_get_expr(relpartbound, pg_class.oid), e'\n' order by relname)
  from pg_inherits join pg_class on pg_class.oid = inhrelid
  where inhparent = ('playground.' || p_parent)::regclass and relname > p_parent || '_y2031'
$$;
create function tests.create_partitions(p_months_ahead integer)
returns integer[]
language plpgsql
as $$
declare
  v_made integer[] := array[jobs.create_partitions(p_months_ahead)];
begin
  while v_made[cardinality(v_made)] > 0 loop
    v_made := v_made || jobs.create_partitions(p_months_ahead);
  end loop;
  return v_made;
end $$;
select tests.freeze('2031-11-30 23:59:59+00');
set local timezone = 'Pacific/Auckland';
select tests.make_user() as ann_id \gset

select is(tests.create_partitions(2), '{3,3,3,3,3,3,0}', 'this month and the next ones of six tables, one table a call');
set local timezone = 'UTC';
select is(
  tests.partitions('messages'),
  e'messages_y2031m11 FOR VALUES FROM (''2031-11-01 00:00:00+00'') TO (''2031-12-01 00:00:00+00'')\n'
  || e'messages_y2031m12 FOR VALUES FROM (''2031-12-01 00:00:00+00'') TO (''2032-01-01 00:00:00+00'')\n'
  || e'messages_y2032m01 FOR VALUES FROM (''2032-01-01 00:00:00+00'') TO (''2032-02-01 00:00:00+00'')',
  'months are those of UTC, whatever the session''s time zone'
);
select is(tests.create_partitions(2), '{0}', 'twice changes nothing');
select tests.advance('1 second');
select is(tests.create_partitions(2), '{1,1,1,1,1,1,0}', 'a month later there is one more of each');

select tests.freeze('2032-06-10 00:00:00+00');
select engine.alert_once(:'ann_id', engine.now(), 'test', '{}', engine.now()) \g /dev/null
select is(tests.create_partitions(0), '{1,1,1,1,1,0}', 'a month whose rows lie in the default partition is left there');
select is(count(*), 1::bigint, 'and no row is lost') from playground.alerts_default where kind = 'test';

select tests.freeze('2031-12-05 00:00:00+00');
select engine.alert_once(:'ann_id', engine.now(), 'test', '{}', engine.now()) \g /dev/null
select is(count(*), 1::bigint, 'new rows find their partition') from playground.alerts_y2031m12;
select throws_ok(
  $$ update playground.audit_log_y2031m12 set reason = 'x'; insert into playground.audit_log (created_at, actor, action, reason) values ('2031-12-05', 'x', 'x', 'x'); update playground.audit_log_y2031m12 set reason = 'y' $$,
  'SCL01', null, 'and their guards'
);
select throws_ok(format('select jobs.create_partitions(%L)', ahead), 'SCD02', null, format('%L months ahead are too few or too many', ahead)) from (values (-1), (25), (2147483647)) as listed (ahead);
select * from finish();
rollback;
