create or replace function admin.verify_author(p_user_id uuid, p_is_verified boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user playground.users;
begin
  perform engine.check_reason(p_reason);
  if p_is_verified is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set is_author = p_is_verified
  where user_id = p_user_id;
  perform engine.write_audit(
    'verify_author', p_user_id, null,
    jsonb_build_object('isAuthor', v_user.is_author), jsonb_build_object('isAuthor', p_is_verified), p_reason
  );
end $$;
comment on function admin.verify_author(uuid, boolean, text) is
  'Says that a person is a verified author of packages, or no longer. SCD03 without a reason, SCD04 for an unknown person.';
