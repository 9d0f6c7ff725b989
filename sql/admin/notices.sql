create or replace view admin.notices as
select
  notice_id,
  user_id,
  kind,
  state,
  attempts,
  created_at,
  next_try_at,
  ended_at,
  last_error
from playground.notices;
comment on view admin.notices is
  'When somebody says that a mail did not come: the outbox without addresses and contents; due, sent or failed, and why not yet: last_error. Kept for 90 days.';
comment on column admin.notices.user_id is 'To whom, or on whose account, it is written.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.notices
for each row execute function engine.refuse_view_change(
  'The gateways send what is due, and try again by themselves.'
);
