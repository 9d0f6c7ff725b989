create or replace function jobs.process_gifts(p_limit integer default 20)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return engine.process_gifts(p_limit);
end $$;
comment on function jobs.process_gifts(integer) is
  'Moves gifts that are under way on, returns those that nobody took within gift_patience, and settles what refunds and disputes ask of them; one account a call, at most p_limit steps. Returns how many were done; 0 when there is nothing left to do.';
