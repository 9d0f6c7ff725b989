create or replace function admin.balance_at(p_user_id uuid, p_instant timestamptz)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id constant uuid := (select account_id from playground.users where user_id = p_user_id);
begin
  if p_instant is null then
    perform engine.refuse('SCD02', 'Say at which instant.');
  end if;
  if v_account_id is null then
    perform engine.refuse('SCD04', engine.unknown_person(p_user_id));
  end if;
  perform engine.refresh_account(v_account_id);
  return coalesce(
    (
      select balance_after
      from playground.transactions
      where account_id = v_account_id
        and effective_at <= p_instant
      order by number desc
      limit 1
    ),
    0
  );
end $$;
comment on function admin.balance_at(uuid, timestamptz) is
  'The balance in credits that a person had at an instant, by when things fell due, not by when they were posted. Also for deleted persons; SCD02 for no instant, SCD04 for unknown persons.';
