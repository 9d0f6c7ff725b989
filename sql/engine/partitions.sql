create or replace function engine.create_partition(
  p_parent text,
  p_key text,
  p_partition text,
  p_starts_at timestamptz,
  p_ends_at timestamptz
)
returns boolean
language plpgsql volatile
-- Queueing for the lock makes everyone queue behind it: better to try again tomorrow, three months ahead of need.
set lock_timeout = '1s'
as $$
declare
  v_default constant text := p_parent || '_default';
  v_has_rows boolean;
begin
  if to_regclass(format('playground.%I', p_partition)) is not null then
    return false;
  end if;
  -- Rows that came before their partition stay where they are; moving them would stop everyone meanwhile.
  execute format('select exists (select from playground.%I where %I >= $1 and %I < $2)', v_default, p_key, p_key)
    into v_has_rows
    using p_starts_at, p_ends_at;
  if not v_has_rows then
    execute format('lock table playground.%I in access exclusive mode', v_default);
    execute format('select exists (select from playground.%I where %I >= $1 and %I < $2)', v_default, p_key, p_key)
      into v_has_rows
      using p_starts_at, p_ends_at;
  end if;
  if v_has_rows then
    raise log 'partition % is not made: its rows are in % already', p_partition, v_default;
    return false;
  end if;

  -- Made apart and attached: `partition of` would lock the parent against everyone.
  execute format('create table playground.%I (like playground.%I including all)', p_partition, p_parent);
  execute format('comment on table playground.%I is %L', p_partition, format('One UTC month of playground.%s.', p_parent));
  execute format(
    'alter table playground.%I attach partition playground.%I for values from (%L) to (%L)',
    p_parent, p_partition, p_starts_at, p_ends_at
  );
  return true;
end $$;
comment on function engine.create_partition(text, text, text, timestamptz, timestamptz) is
  'Makes the partition of one month. False when it is there, or when rows of that month lie in the default partition. Fails rather than waits for a lock longer than a second.';
