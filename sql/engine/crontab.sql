-- When a line of the crontab was due and will be, so that somebody can tell that it did not run.

create or replace function engine.cron_values(p_field text, p_low integer, p_high integer)
returns integer[]
language sql immutable
as $$
  select array_agg(distinct value order by value)
  from regexp_split_to_table(p_field, ',') as part
  cross join regexp_match(part, '^(?:[*]|([0-9]{1,2})(?:(-)([0-9]{1,2}))?)(?:/([0-9]{1,2}))?$') as piece
  cross join generate_series(
    coalesce(piece[1]::integer, p_low),
    case when piece[3] is not null then piece[3]::integer when piece[1] is null or piece[4] is not null then p_high else piece[1]::integer end,
    greatest(1, coalesce(piece[4]::integer, 1))) as value
  where piece is not null and value between p_low and p_high
$$;
comment on function engine.cron_values(text, integer, integer) is
  'The values that a field of a crontab line stands for (*, 5, 1-4, */15, 1,31), from p_low to p_high. Null for one that says nothing of the kind.';

create or replace function engine.times_near(p_schedule text, p_instant timestamptz, p_step integer)
returns setof timestamptz
language sql stable
as $$
  with field as materialized (
    select engine.cron_values(line[1], 0, 59) as minutes, engine.cron_values(line[2], 0, 23) as hours, engine.cron_values(line[3], 1, 31) as days,
      engine.cron_values(line[4], 1, 12) as months, engine.cron_values(line[5], 0, 7) as weekdays,
      line[3] = '*' or line[5] = '*' as is_both
    from regexp_split_to_array(btrim(p_schedule), '[[:space:]]+') as line
    where cardinality(line) = 5
  ), day as (
    select listed.day
    from field
    cross join generate_series(0, 366) as away
    cross join lateral (select date_trunc('day', p_instant, 'UTC') at time zone 'UTC' + p_step * make_interval(days => away)) as listed (day)
    cross join lateral (
      select extract(day from listed.day)::integer = any (days),
        extract(dow from listed.day)::integer = any (weekdays) or extract(isodow from listed.day)::integer = any (weekdays)
    ) as fits (is_day, is_weekday)
    where extract(month from listed.day)::integer = any (months)
      -- As cron has it: days of the month and of the week that are both named are either of them.
      and case when is_both then is_day and is_weekday else is_day or is_weekday end
    order by away
    -- Today's times may all lie on the other side of the instant.
    limit 2
  )
  select (day + make_interval(hours => hour, mins => minute)) at time zone 'UTC'
  from field, day, unnest(hours) as hour, unnest(minutes) as minute
$$;
comment on function engine.times_near(text, timestamptz, integer) is
  'The minutes of the two days nearest to an instant, of a year before (p_step -1) or after it (1), at which a line of the crontab (five fields, UTC) is due. None when the schedule is of another kind.';

create or replace function engine.last_due(p_schedule text, p_instant timestamptz)
returns timestamptz
language sql stable
as $$ select max(at) from engine.times_near(p_schedule, p_instant, -1) as at where at <= p_instant $$;
comment on function engine.last_due(text, timestamptz) is
  'The last minute up to an instant at which a line of the crontab (five fields, UTC) was due; null when there was none in a year, or the schedule is of another kind.';

create or replace function engine.next_due(p_schedule text, p_instant timestamptz)
returns timestamptz
language sql stable
as $$ select min(at) from engine.times_near(p_schedule, p_instant, 1) as at where at > p_instant $$;
comment on function engine.next_due(text, timestamptz) is
  'The first minute after an instant at which a line of the crontab (five fields, UTC) is due; null when there is none in a year, or the schedule is of another kind.';
