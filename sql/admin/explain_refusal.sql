create or replace function admin.explain_refusal(p_user_id uuid, p_model text default null, p_input_tokens bigint default 1)
returns table (
  would_start boolean, model text, limit_source text, used numeric, limit_value numeric, resets_at timestamptz,
  set_by text, reason text, what_helps text, models_that_start text[])
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- An admin who asked over HTTP is shown by address, as in admin.audit_log.
  select would_start, model, limit_source, used, limit_value, resets_at, engine.shown_name(set_by), reason, what_helps, models_that_start
  from engine.explained_refusal(p_user_id, p_model, p_input_tokens)
$$;
comment on function admin.explain_refusal(uuid, text, bigint) is
  'When somebody says that runs are refused: would the smallest run with a model (null: the default one) start now, which limit refuses it (model, operator, provider, runs_hour, runs_concurrent, cost_day, cost_month, own_cap, credits), what is used and allowed (US dollars, runs; credits: needed and available), until when, who set it and why (an admin by their address), which statement helps, and which models would start. When one would start, but a limit refused another in the hour, day or month of now, that limit is named. p_input_tokens: of a larger run. Catches the account up, changes nothing else. SCD02 for a wrong number, SCD04 for an unknown person or model.';
