create or replace view admin.audit_log as
select
  line.audit_id,
  line.created_at,
  line.actor,
  line.acting_user_id,
  line.action,
  nullif(line.user_id, '00000000-0000-0000-0000-000000000000') as user_id,
  line.subject,
  line.before,
  line.after,
  line.reason,
  line.request_id,
  acting.email as acting_email,
  person.email
from playground.audit_log as line
left join playground.users as person on person.user_id = line.user_id
left join playground.users as acting on acting.user_id = line.acting_user_id;
comment on view admin.audit_log is
  'When you ask who changed something, when and why: one line a change, by operators in SQL and admins over HTTP; append-only. The last ones: order by created_at desc, audit_id desc limit 50. Kept for audit_retention.';
comment on column admin.audit_log.actor is 'The role that was logged in to the database.';
comment on column admin.audit_log.acting_user_id is 'The admin for whom the gateway acted; null for who came by SQL.';
comment on column admin.audit_log.user_id is 'The person concerned; null when it is nobody in particular.';
comment on column admin.audit_log.subject is 'What was changed, where it is no person: a setting, a model, an event.';
comment on column admin.audit_log.request_id is 'X-Request-Id of the request that asked for it.';
comment on column admin.audit_log.acting_email is 'The address of that admin; null also for one who left.';
comment on column admin.audit_log.email is 'The address of the person concerned; null also for who was deleted.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.audit_log
for each row execute function engine.refuse_view_change(
  'What was done stays written. What takes a change back is another change, with a line of its own.'
);
