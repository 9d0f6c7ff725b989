create or replace view admin.organizations as
select
  organization_id as id,
  name,
  is_verified,
  created_at
from playground.organizations;
comment on view admin.organizations is 'Organisations; who belongs to them: organization_members.';
comment on column admin.organizations.id is 'The organisation: org_id of organization_members.';
comment on column admin.organizations.name is 'What it calls itself.';
comment on column admin.organizations.is_verified is 'Its members are offered the organisation price.';
comment on column admin.organizations.created_at is 'When it was made.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.organizations
for each row execute function engine.refuse_view_change(
  'Use admin.create_organization or admin.verify_organization.'
);
