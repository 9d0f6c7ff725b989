create or replace view admin.organization_members as
select
  organization_id as org_id,
  user_id,
  role,
  joined_at
from playground.organization_members;
comment on view admin.organization_members is
  'Who belongs to an organisation. A person may belong to several: a join with users then shows them several times.';
comment on column admin.organization_members.org_id is 'The organisation: id of organizations.';
comment on column admin.organization_members.user_id is 'The person: id of users.';
comment on column admin.organization_members.role is 'owner, admin or member.';
comment on column admin.organization_members.joined_at is 'Since when.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.organization_members
for each row execute function engine.refuse_view_change(
  'Use admin.set_member.'
);
