create or replace function admin.explain_refusal(p_user_id uuid, p_model text default null, p_input_tokens bigint default 1)
returns table (
  would_start boolean, model text, limit_source text, used numeric, limit_value numeric, resets_at timestamptz,
  set_by text, reason text, what_helps text, models_that_start text[])
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account_id uuid;
  v_instant timestamptz;
  v_foreseen record;
  v_origin record;
begin
  select account_id into v_account_id from playground.users where user_id = p_user_id and deleted_at is null;
  if not found then
    perform engine.refuse('SCD04', 'There is no such person.');
  end if;
  model := coalesce(p_model, (select default_model from playground.platform_settings));
  perform from playground.models where models.model = explain_refusal.model;
  if not found then
    perform engine.refuse('SCD04', 'There is no such model.');
  end if;
  if p_input_tokens is null or p_input_tokens < 0 then
    perform engine.refuse('SCD02', 'The input has 0 tokens or more.');
  end if;
  -- What fell due is done first, as a run would; else nothing is written.
  perform engine.refresh_account(v_account_id);
  v_instant := (select greatest(engine.now(), last_instant) from playground.accounts where account_id = v_account_id);

  v_foreseen := engine.foresee_refusal(p_user_id, model, p_input_tokens, v_instant);
  v_origin := engine.origin_of_limit(p_user_id, v_foreseen.limit_source, v_foreseen.tier, v_foreseen.provider, v_instant);
  would_start := v_foreseen.limit_source is null;
  limit_source := v_foreseen.limit_source;
  used := trim_scale(v_foreseen.used);
  limit_value := trim_scale(v_foreseen.limit_value);
  resets_at := v_foreseen.resets_at;
  set_by := v_origin.set_by;
  reason := v_origin.reason;
  what_helps := engine.remedy_for(
    p_user_id, limit_source, v_foreseen.used, v_foreseen.limit_value, v_foreseen.tier, model, v_foreseen.provider, v_instant);
  models_that_start := array(
    select m.model
    from playground.models m
    where (engine.foresee_refusal(p_user_id, m.model, p_input_tokens, v_instant)).limit_source is null
    order by m.position, m.model);
  return next;
end $$;
comment on function admin.explain_refusal(uuid, text, bigint) is
  'When somebody says that runs are refused: would the smallest run with a model (null: the default one) start now, which limit refuses it (model, operator, provider, runs_hour, runs_concurrent, cost_day, cost_month, own_cap, credits), what is used and allowed (US dollars, runs; credits: needed and available), until when, who set it and why, which statement helps, and which models would start. p_input_tokens: of a larger run. Catches the account up, changes nothing else. SCD02 for a wrong number, SCD04 for an unknown person or model.';
