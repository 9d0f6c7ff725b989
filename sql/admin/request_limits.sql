create or replace view admin.request_limits as
select
  l.class,
  l.subject_kind,
  l.requests,
  l.per,
  coalesce(c.subjects, 0) as subjects,
  coalesce(c.full_subjects, 0) as full_subjects
from playground.request_limits l
left join (
  select
    l.class,
    l.subject_kind,
    count(*) as subjects,
    count(*) filter (where c.resets_at > n.instant + l.per / l.requests * (l.requests - 1)) as full_subjects
  from (select engine.now() as instant) as n
  join playground.request_counters c on c.resets_at > n.instant
  join playground.request_limits l on l.class = c.class and l.subject_kind = case octet_length(c.subject) when 16 then 'user' else 'address' end
  group by 1, 2
) as c on c.class = l.class and c.subject_kind = l.subject_kind;
comment on view admin.request_limits is
  'How many requests of each class a person (user) or an address may send per time (null: not limited), how many of them have used some of it now, and how many all of it, so that they are refused. To change one: admin.set_request_limit(class, subject_kind, requests, per, reason).';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.request_limits
for each row execute function engine.refuse_view_change(
  'To change one: admin.set_request_limit(class, subject_kind, requests, per, reason).'
);
