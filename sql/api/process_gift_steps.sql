create or replace function api.process_gift_steps(p_limit integer default 20)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return engine.process_gifts(p_limit);
end $$;
comment on function api.process_gift_steps(integer) is
  'After a gift or an event of Stripe: the next steps of gifts, of one account a call, at most p_limit. Call it again until it returns 0; jobs.process_gifts does what is left.';
