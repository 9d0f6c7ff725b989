create or replace function admin.set_setting(p_name text, p_value text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before text;
  v_after text;
  v_constraint text;
begin
  perform engine.check_reason(p_reason);
  perform
  from pg_catalog.pg_attribute
  where attrelid = 'playground.platform_settings'::regclass
    and attname = p_name
    and attname <> 'is_the_only_row'
    and attnum > 0
    and not attisdropped;
  if not found then
    perform engine.refuse('SCD01', format('There is no setting %s. Those there are: select * from admin.settings;', p_name));
  end if;
  perform engine.check_setting(p_name, p_value);

  execute format('select %I::text from playground.platform_settings for no key update', p_name) into v_before;
  begin
    execute format(
      'update playground.platform_settings
       set %1$I = (jsonb_populate_record(null::playground.platform_settings, $1)).%1$I
       returning %1$I::text',
      p_name
    ) into v_after using jsonb_build_object(p_name, p_value);
  exception
    when data_exception or check_violation or not_null_violation then
      -- The name of a constraint is a sentence: platform_settings_signup_is_not_negative.
      get stacked diagnostics v_constraint = constraint_name;
      perform engine.refuse('SCD02', format(
        '%s is no value for the setting %s: %s.', p_value, p_name,
        coalesce(nullif(replace(replace(v_constraint, 'platform_settings_', ''), '_', ' '), ''), sqlerrm)));
  end;
  perform engine.write_audit(
    'set_setting', null, p_name, jsonb_build_object('value', v_before), jsonb_build_object('value', v_after), p_reason
  );
end $$;
comment on function admin.set_setting(text, text, text) is
  'Changes one number of the business (a column of platform_settings). Those there are, and what they mean: admin.settings. SCD01 for an unknown setting, SCD02 for a value it cannot have, SCD03 without a reason.';
