create or replace function admin.set_multiplier(p_model text, p_multiplier numeric, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_model playground.models;
begin
  perform engine.check_reason(p_reason);
  perform engine.check_multiplier(p_multiplier);
  v_model := engine.lock_model(p_model);
  if v_model.multiplier = p_multiplier then
    return;
  end if;
  update playground.models
  set multiplier = p_multiplier
  where model = p_model;
  perform engine.write_audit(
    'set_multiplier', null, p_model,
    jsonb_build_object('multiplier', trim_scale(v_model.multiplier)), jsonb_build_object('multiplier', trim_scale(p_multiplier)), p_reason
  );
end $$;
comment on function admin.set_multiplier(text, numeric, text) is
  'When a model is to cost people more or fewer credits: credits per step of tokens_per_credit tokens, for runs that begin from now on; open ones keep theirs. Try the effect before with admin.reprice. The same again changes nothing. SCD02 for a wrong multiplier, SCD03 without a reason, SCD04 for an unknown model.';
