create or replace function engine.length_of(p_name text, p_value text)
returns interval
language plpgsql stable
as $$
begin
  perform
  from pg_catalog.pg_attribute
  where attrelid = 'playground.platform_settings'::regclass
    and attname = p_name
    and atttypid = 'interval'::regtype;
  return case when found then p_value::interval end;
exception
  -- No interval at all: the column says so.
  when data_exception then
    return null;
end $$;
comment on function engine.length_of(text, text) is 'A value of a setting that is a length of time; null for any other, and for what is none.';

create or replace function engine.check_setting(p_name text, p_value text)
returns void
language plpgsql stable
as $$
declare
  v_least_months constant integer := case
    when p_name = 'audit_retention' then 12
    when p_name in ('usage_retention', 'message_retention', 'alert_retention', 'event_retention') then 2 end;
  v_length constant interval := engine.length_of(p_name, p_value);
begin
  -- What the constraints of the table cannot say, or say in no words.
  if p_name = 'default_model' and not exists (select from playground.models where model = p_value and is_enabled) then
    perform engine.refuse('SCD02', 'The default model must be one of the models on offer.');
  end if;
  if p_name = 'frontend_url' and p_value !~ '^https?://[^[:space:]/?#]+(/[^[:space:]?#]*[^[:space:]/?#])?$' then
    perform engine.refuse('SCD02', 'An address must begin with https:// or http:// and not end with a slash.');
  end if;
  if p_name = 'alert_email' and p_value is not null and not engine.is_email(p_value) then
    perform engine.refuse('SCD02', 'Alerts are mailed to one e-mail address, or to nobody when it is null.');
  end if;
  if v_length < make_interval(months => v_least_months) then
    perform engine.refuse('SCD02', format('%s must be at least %s months.', p_name, v_least_months));
  end if;
  -- Months count as 30 days where lengths are compared, and are as long as they are where one is subtracted: with both signs
  -- in it, a length can pass every constraint of the table and still reach into the future.
  if least(
    extract(years from v_length), extract(months from v_length), extract(days from v_length), extract(hours from v_length),
    extract(minutes from v_length), extract(seconds from v_length)) < 0
  then
    perform engine.refuse('SCD02', 'A length of time has no part that is negative.');
  end if;
  -- Counted back from now, what is much longer ends before all calendars.
  if v_length > interval '1000 years' then
    perform engine.refuse('SCD02', 'A length of time is at most 1000 years.');
  end if;
end $$;
comment on function engine.check_setting(text, text) is 'SCD02 for a value that a setting''s type allows, but not its meaning.';
