create or replace function admin.set_unlimited(p_user_id uuid, p_is_unlimited boolean, p_reason text)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select engine.set_flag(p_user_id, 'isUnlimited', p_is_unlimited, 'set_unlimited', p_reason) $$;
comment on function admin.set_unlimited(uuid, boolean, text) is
  'Puts a person into the tier without cost limits, or takes them out of it; open runs keep the limits they began with. SCD03 without a reason, SCD04 for an unknown person.';
