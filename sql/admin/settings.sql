create or replace view admin.settings as
select
  setting.attname::text as name,
  case
    when setting.atttypid = 'numeric'::regtype then trim_scale((stored.row ->> setting.attname)::numeric)::text
    else stored.row ->> setting.attname
  end as value,
  coalesce(
    col_description(setting.attrelid, setting.attnum),
    -- Those whose columns were made without a comment.
    case setting.attname
      when 'refresh_token_lifetime' then 'How long a login goes on when nobody uses it.'
      when 'login_attempts' then 'Logins with one address that may fail within login_attempt_window.'
      when 'login_attempt_window' then 'How long login_attempts are counted, from the first on.'
      when 'renewal_grace' then 'How long after its period a plan''s credits stay while the renewal is not paid yet.'
      when 'default_model' then 'The model of a run that names none.'
      when 'gifts_per_day' then 'Gifts of credits one person may make in a day.'
      when 'code_attempt_window' then 'How long code_attempts are counted, from the first on.'
      when 'organizations_per_person' then 'Organisations one person may own.'
    end
  ) as meaning
from pg_catalog.pg_attribute as setting
cross join (select to_jsonb(settings) as row from playground.platform_settings as settings) as stored
where setting.attrelid = 'playground.platform_settings'::regclass
  and setting.attnum > 0
  and not setting.attisdropped
  and setting.attname <> 'is_the_only_row'
order by setting.attnum;
comment on view admin.settings is
  'When you ask which numbers of the business there are, and what they mean. To change one: admin.set_setting(name, value, reason); how it came to be: admin.audit_log where action = ''set_setting''.';
comment on column admin.settings.name is 'What admin.set_setting calls it.';
comment on column admin.settings.value is 'What holds now, as text.';
comment on column admin.settings.meaning is 'What it decides, and in which unit.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.settings
for each row execute function engine.refuse_view_change(
  'To change one: admin.set_setting(name, value, reason).'
);
