create or replace view admin.playground_sessions as
select
  session.session_id as id,
  session.user_id,
  session.package_id,
  -- Looked up by key for the rows that are shown, and for none when nobody asks for it.
  (
    select coalesce(json_agg(
      json_build_object(
        'role', message.role,
        'content', message.content,
        'timestamp', message.created_at
      )
      order by message.number
    ), '[]')
    from playground.messages as message
    where message.user_id = session.user_id
      and message.session_id = session.session_id
      and message.created_at >= session.created_at
  ) as conversation,
  session.credits_spent::bigint as credits_spent,
  session.model,
  null::text as share_token,
  session.created_at
from playground.sessions as session;
comment on view admin.playground_sessions is 'Conversations. Those that their person deleted are gone.';
comment on column admin.playground_sessions.id is 'The conversation: session_id elsewhere.';
comment on column admin.playground_sessions.user_id is 'Whose it is.';
comment on column admin.playground_sessions.package_id is 'The package it was begun with.';
comment on column admin.playground_sessions.conversation is 'Messages in order: role (user, assistant), content, timestamp. What people wrote: look only when there is a reason to.';
comment on column admin.playground_sessions.credits_spent is 'Credits charged for all its runs.';
comment on column admin.playground_sessions.model is 'The model of its latest run.';
comment on column admin.playground_sessions.share_token is 'Null: conversations are not shared by a link.';
comment on column admin.playground_sessions.created_at is 'When its first run ended.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.playground_sessions
for each row execute function engine.refuse_view_change(
  'Conversations belong to their people, who delete them. To give credits back: admin.grant_credits(user, credits, reason).'
);
