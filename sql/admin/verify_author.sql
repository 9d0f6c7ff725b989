create or replace function admin.verify_author(p_user_id uuid, p_is_verified boolean, p_reason text)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select engine.set_flag(p_user_id, 'isAuthor', p_is_verified, 'verify_author', p_reason) $$;
comment on function admin.verify_author(uuid, boolean, text) is
  'Says that a person is a verified author of packages, or no longer. SCD03 without a reason, SCD04 for an unknown person.';
