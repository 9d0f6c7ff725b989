-- The outbox: written in the transaction that has something to tell, so that a message is neither lost nor made up.

create or replace function engine.write_notice(
  p_user_id uuid, p_kind text, p_subject text, p_details jsonb, p_instant timestamptz, p_email text default null)
returns void
language plpgsql volatile
as $$
begin
  insert into playground.notices (user_id, notice_id, kind, subject, email, details, state, next_try_at, created_at)
  values (p_user_id, gen_random_uuid(), p_kind, p_subject, p_email, p_details, 'due', p_instant, p_instant)
  on conflict (user_id, kind, subject) do nothing;
end $$;
comment on function engine.write_notice(uuid, text, text, jsonb, timestamptz, text) is
  'Puts a message to a person into the outbox, once per person, kind and subject. p_email: an address nobody is registered with; else the person''s own is taken when it is sent.';

create or replace function engine.notify_payer(p_account_id uuid, p_kind text, p_subject text, p_details jsonb, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_user_id uuid;
begin
  if exists (select from playground.users where user_id = p_account_id) then
    perform engine.write_notice(p_account_id, p_kind, p_subject, p_details, p_instant);
    return;
  end if;
  for v_user_id in
    select user_id from playground.organization_members where organization_id = p_account_id and role = 'owner' order by user_id
  loop
    perform engine.write_notice(v_user_id, p_kind, p_subject, p_details, p_instant);
  end loop;
end $$;
comment on function engine.notify_payer(uuid, text, text, jsonb, timestamptz) is 'engine.write_notice to the person whose account it is, or to the owners of an organisation.';

create or replace function engine.pause_after(p_attempts integer)
returns interval
language sql immutable
as $$ select least(interval '6 hours', interval '30 seconds' * power(2, least(p_attempts, 20))) $$;
comment on function engine.pause_after(integer) is 'How long to wait before the next try: doubles from a minute, six hours at most.';
