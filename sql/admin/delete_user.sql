create or replace function admin.delete_user(p_user_id uuid, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account playground.accounts;
  v_organization_id uuid;
begin
  perform engine.check_reason(p_reason);
  v_account := engine.touch_account_of(p_user_id);
  -- Of two owners who go at once the second must see that he is the last; before the person, as whoever changes members does.
  perform
  from playground.organizations
  where organization_id in (select organization_id from playground.organization_members where user_id = p_user_id)
  order by organization_id
  for no key update;
  perform engine.lock_user(p_user_id);
  perform from playground.holds where account_id = v_account.account_id and user_id = p_user_id and status = 'open';
  if found then
    perform engine.refuse('SCD05', 'A run of this person is under way: try again when it has ended, in a few minutes at most.');
  end if;
  perform from playground.subscriptions where account_id = v_account.account_id and ended_at is null and status <> 'incomplete';
  if found then
    perform engine.refuse('SCD05', 'This person has a plan: end it first, at Stripe or by admin.end_plan.');
  end if;
  for v_organization_id in
    select organization_id from playground.organization_members where user_id = p_user_id order by organization_id
  loop
    if not engine.put_member(v_organization_id, p_user_id, null) then
      perform engine.refuse('SCD05', format('This person is the last owner of the organisation %s: name another one first.', v_organization_id));
    end if;
  end loop;

  delete from playground.user_emails where user_id = p_user_id;
  delete from playground.credentials where user_id = p_user_id;
  delete from playground.refresh_tokens where user_id = p_user_id;
  delete from playground.api_keys where user_id = p_user_id;
  delete from playground.messages where user_id = p_user_id;
  delete from playground.sessions where user_id = p_user_id;
  delete from playground.answers where user_id = p_user_id;
  delete from playground.notices where user_id = p_user_id;
  delete from playground.user_limits where user_id = p_user_id;
  update playground.gifts set message = null where account_id = v_account.account_id and user_id = p_user_id and message is not null;
  update playground.users
  set email = null, username = null, is_admin = false, is_author = false, has_own_limits = false, deleted_at = v_account.last_instant
  where user_id = p_user_id;
  update playground.accounts set last_instant = v_account.last_instant where account_id = v_account.account_id;
  perform engine.write_audit('delete_user', p_user_id, null, null, jsonb_build_object('balance', v_account.last_balance), p_reason);
end $$;
comment on function admin.delete_user(uuid, text) is
  'When somebody wants to be forgotten. Removes address, name, password, tokens, keys, conversations, kept answers, messages to them and memberships; they cannot sign in any more, and may register again without signup credits. Account, history, usage, payments and the audit log stay under the id. Final. SCD03 without a reason, SCD04 for an unknown person, SCD05 while a run or a plan of theirs lives or an organisation has no other owner.';
