create or replace function engine.is_mixed_interval(p_name text, p_value text)
returns boolean
language plpgsql stable
as $$
declare
  v_value interval;
begin
  perform
  from pg_catalog.pg_attribute
  where attrelid = 'playground.platform_settings'::regclass
    and attname = p_name
    and atttypid = 'interval'::regtype;
  if not found then
    return false;
  end if;
  v_value := p_value::interval;
  return least(
    extract(years from v_value), extract(months from v_value), extract(days from v_value), extract(hours from v_value),
    extract(minutes from v_value), extract(seconds from v_value)) < 0;
exception
  -- No interval at all: the column says so.
  when data_exception then
    return false;
end $$;
comment on function engine.is_mixed_interval(text, text) is 'Whether a value of a setting is a length of time with a negative part.';

create or replace function engine.is_shorter(p_value text, p_least interval)
returns boolean
language plpgsql stable
as $$
begin
  return coalesce(p_value::interval < p_least, false);
exception
  -- No interval at all: the column says so.
  when data_exception then
    return false;
end $$;
comment on function engine.is_shorter(text, interval) is 'Whether a value of a setting is a length of time below the least one; false for what is none.';

create or replace function engine.check_setting(p_name text, p_value text)
returns void
language plpgsql stable
as $$
declare
  v_least_months constant integer := case
    when p_name = 'audit_retention' then 12
    when p_name in ('usage_retention', 'message_retention', 'alert_retention', 'event_retention') then 2 end;
begin
  -- What the constraints of the table cannot say, or say in no words.
  if p_name = 'default_model' and not exists (select from playground.models where model = p_value and is_enabled) then
    perform engine.refuse('SCD02', 'The default model must be one of the models on offer.');
  end if;
  if p_name = 'frontend_url' and p_value !~ '^https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?$' then
    perform engine.refuse('SCD02', 'An address must begin with https:// or http:// and not end with a slash.');
  end if;
  if p_name = 'alert_email' and p_value is not null and not engine.is_email(p_value) then
    perform engine.refuse('SCD02', 'Alerts are mailed to one e-mail address, or to nobody when it is null.');
  end if;
  if engine.is_shorter(p_value, make_interval(months => v_least_months)) then
    perform engine.refuse('SCD02', format('%s must be at least %s months.', p_name, v_least_months));
  end if;
  -- Months count as 30 days where lengths are compared, and are as long as they are where one is subtracted: with both signs
  -- in it, a length can pass every constraint of the table and still reach into the future.
  if engine.is_mixed_interval(p_name, p_value) then
    perform engine.refuse('SCD02', 'A length of time has no part that is negative.');
  end if;
end $$;
comment on function engine.check_setting(text, text) is 'SCD02 for a value that a setting''s type allows, but not its meaning.';
