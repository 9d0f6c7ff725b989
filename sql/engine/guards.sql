-- Triggers that guard, for whoever writes past the functions. No business flow here.

create or replace function engine.refuse_change()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
begin
  if tg_op = 'DELETE' and tg_level = 'ROW' and right(tg_table_name, 8) = '_default' then
    select parent, key into v_table from engine.retained_tables() where parent || '_default' = tg_table_name;
    if found and (to_jsonb(old) ->> v_table.key)::timestamptz < engine.kept_since(v_table.parent) then
      return old;
    end if;
  end if;
  raise exception using
    errcode = 'SCL01',
    message = format('playground.%s is append-only: %s is refused.', tg_table_name, lower(tg_op)),
    hint = 'Correct the books with a new line: admin.grant_credits(user, credits, reason).';
end $$;
comment on function engine.refuse_change() is 'Trigger: history is not changed, but for rows of months that were announced to go (engine.kept_since). SCL01.';

create or replace function engine.guard_usage()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.outcome = 'abandoned' and new.outcome = 'late'
    and (new.account_id, new.reserved_at, new.hold_id, new.credits, new.budget_usd) = (old.account_id, old.reserved_at, old.hold_id, old.credits, old.budget_usd)
  then
    return new;
  end if;
  raise exception using errcode = 'SCL01', message = 'Usage is corrected once, from abandoned to late; anything else is refused.';
end $$;
comment on function engine.guard_usage() is 'Trigger: a usage row changes only when an abandoned run answers late. SCL01.';

create or replace function engine.guard_grant()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Each line once: the same amount again would otherwise pass with the line that the grant already has.
  if new.remaining <> old.remaining and (new.last_number <= old.last_number or not exists (
    select
    from playground.transaction_parts
    where account_id = new.account_id and number = new.last_number and grant_id = new.grant_id and amount = new.remaining - old.remaining))
  then
    raise exception using
      errcode = 'SCL01',
      message = 'What remains of a grant changes only with a transaction that says so.',
      hint = 'Use admin.grant_credits(user, credits, reason).';
  end if;
  return null;
end $$;
comment on function engine.guard_grant() is 'Trigger: remaining changes only by the part of a newer transaction, which last_number names. SCL01.';

create or replace function engine.guard_new_grant()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.remaining <> 0 then
    raise exception using
      errcode = 'SCL01',
      message = 'A grant begins empty; its credits come with a transaction that says so.',
      hint = 'Use admin.grant_credits(user, credits, reason).';
  elsif (new.bucket = 'monthly') <> (new.source = 'period') or (new.bucket = 'rollover') <> (new.source = 'rollover')
    or (new.bucket <> 'purchased' and (new.expires_at is null or new.subscription_id is null))
    or new.granted = 0
  then
    raise exception using
      errcode = 'SCL01',
      message = 'Monthly credits come of a period, rollover of rollover, both with a plan and an expiry; the rest is purchased.';
  end if;
  return new;
end $$;
comment on function engine.guard_new_grant() is 'Trigger: bucket, source, plan and expiry of a new grant fit together, and it begins empty. SCL01.';

create or replace function engine.guard_transaction()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.type = 'rollover') <> (new.amount = 0) or (new.type in ('spend', 'expire') and new.amount > 0) then
    raise exception using
      errcode = 'SCL01', message = 'A rollover moves credits and changes no balance; what is spent or expires is taken away.';
  end if;
  if not exists (
    select
    from playground.transaction_parts p
    join playground.grants g using (account_id, grant_id)
    where p.account_id = new.account_id and p.number = new.number
    having sum(p.amount) = new.amount and min(g.last_number) >= new.number)
  then
    raise exception using
      errcode = 'SCL01',
      message = 'A transaction''s amount is the sum of its parts, and each part has changed its grant.',
      hint = 'Use admin.grant_credits(user, credits, reason).';
  end if;
  return null;
end $$;
comment on function engine.guard_transaction() is 'Trigger, at commit: the amount fits the type, the parts of a new transaction add up to its amount and were made to their grants; only this transaction is added up, never the history. SCL01.';

-- A trigger is made only when its definition differs: making one blocks writers until the load commits. One that is not
-- listed here any more goes.
do $$
declare
  v_guard record;
  v_listed text[] := '{}';
begin
  for v_guard in
    select t.table_name, t.trigger_name, t.definition, old.oid is not null as is_there, pg_get_triggerdef(old.oid) is not distinct from t.definition as is_same
    from (
      select table_name, 'guard_history' as trigger_name,
        format('CREATE TRIGGER guard_history BEFORE DELETE OR UPDATE ON playground.%s FOR EACH ROW EXECUTE FUNCTION engine.refuse_change()', table_name) as definition
      from unnest(array['transactions', 'transaction_parts', 'audit_log', 'model_prices']) as table_name
      union all
      select table_name, 'guard_truncate',
        format('CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON playground.%s FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change()', table_name)
      from unnest(array['transactions', 'transaction_parts', 'audit_log', 'model_prices', 'usage', 'grants', 'holds', 'hold_parts', 'accounts', 'periods', 'purchases', 'payments', 'invoices', 'gifts', 'stripe_event_ids', 'stripe_events']) as table_name
      union all
      select table_name, 'guard_deletion',
        format('CREATE TRIGGER guard_deletion BEFORE DELETE ON playground.%s FOR EACH ROW EXECUTE FUNCTION engine.refuse_change()', table_name)
      from unnest(array['usage', 'grants', 'holds', 'hold_parts', 'accounts', 'periods', 'purchases', 'payments', 'invoices', 'gifts', 'stripe_event_ids', 'stripe_events']) as table_name
      union all
      values
        ('usage', 'guard_correction', 'CREATE TRIGGER guard_correction BEFORE UPDATE ON playground.usage FOR EACH ROW EXECUTE FUNCTION engine.guard_usage()'),
        ('stripe_events', 'guard_payload', 'CREATE TRIGGER guard_payload BEFORE UPDATE OF event_id, payload ON playground.stripe_events FOR EACH ROW EXECUTE FUNCTION engine.refuse_change()'),
        ('grants', 'guard_new', 'CREATE TRIGGER guard_new BEFORE INSERT ON playground.grants FOR EACH ROW EXECUTE FUNCTION engine.guard_new_grant()'),
        ('grants', 'guard_kind', 'CREATE TRIGGER guard_kind BEFORE UPDATE OF bucket, source, granted, subscription_id ON playground.grants FOR EACH ROW EXECUTE FUNCTION engine.refuse_change()'),
        ('grants', 'guard_remaining', 'CREATE TRIGGER guard_remaining AFTER UPDATE OF remaining ON playground.grants FOR EACH ROW EXECUTE FUNCTION engine.guard_grant()'),
        ('transactions', 'guard_parts', 'CREATE CONSTRAINT TRIGGER guard_parts AFTER INSERT ON playground.transactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION engine.guard_transaction()')
    ) as t
    left join pg_catalog.pg_trigger old on old.tgname = t.trigger_name and old.tgrelid = ('playground.' || t.table_name)::regclass
  loop
    v_listed := v_listed || (v_guard.table_name || '.' || v_guard.trigger_name);
    continue when v_guard.is_same;
    if v_guard.is_there then
      execute format('drop trigger %I on playground.%I', v_guard.trigger_name, v_guard.table_name);
    end if;
    execute v_guard.definition;
  end loop;

  for v_guard in
    select c.relname as table_name, t.tgname as trigger_name
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'playground'::regnamespace and starts_with(t.tgname, 'guard_') and t.tgparentid = 0
      and c.relname || '.' || t.tgname <> all (v_listed)
  loop
    execute format('drop trigger %I on playground.%I', v_guard.trigger_name, v_guard.table_name);
  end loop;
end $$;
