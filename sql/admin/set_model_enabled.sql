create or replace function admin.set_model_enabled(p_model text, p_is_enabled boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_model playground.models;
begin
  perform engine.check_reason(p_reason);
  if p_is_enabled is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_model := engine.lock_model(p_model);
  if v_model.is_enabled = p_is_enabled then
    return;
  end if;
  perform from playground.platform_settings where default_model = p_model for key share;
  if found and not p_is_enabled then
    perform engine.refuse(
      'SCD05', 'This is the model of who names none: first admin.set_setting(''default_model'', another, reason).');
  end if;
  update playground.models
  set is_enabled = p_is_enabled
  where model = p_model;
  perform engine.write_audit(
    'set_model_enabled', null, p_model,
    jsonb_build_object('isEnabled', v_model.is_enabled), jsonb_build_object('isEnabled', p_is_enabled), p_reason
  );
end $$;
comment on function admin.set_model_enabled(text, boolean, text) is
  'When one model misbehaves or is to be offered again: runs with a model that is switched off are refused, open ones end as usual. All models of a provider at once: admin.set_provider_enabled. The same again changes nothing. SCD02, SCD03 without a reason, SCD04 for an unknown model, SCD05 for the default model.';
