create or replace function engine.check_setting(p_name text, p_value text)
returns void
language plpgsql stable
as $$
begin
  -- What the constraints of the table cannot say.
  if p_name = 'default_model' and not exists (select from playground.models where model = p_value and is_enabled) then
    perform engine.refuse('SCD02', 'The default model must be one of the models on offer.');
  end if;
  if p_name = 'frontend_url' and p_value !~ '^https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?$' then
    perform engine.refuse('SCD02', 'An address must begin with https:// or http:// and not end with a slash.');
  end if;
  if p_name = 'alert_email' and p_value is not null and not engine.is_email(p_value) then
    perform engine.refuse('SCD02', 'Alerts are mailed to one e-mail address, or to nobody when it is null.');
  end if;
end $$;
comment on function engine.check_setting(text, text) is 'SCD02 for a value that a setting''s type allows, but not its meaning.';
