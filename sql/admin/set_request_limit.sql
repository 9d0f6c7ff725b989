create or replace function admin.set_request_limit(p_class text, p_subject_kind text, p_requests integer, p_per interval, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit playground.request_limits;
  v_per interval;
begin
  perform engine.check_reason(p_reason);
  select * into v_limit
  from playground.request_limits
  where class = p_class
    and subject_kind = p_subject_kind
  for no key update;
  if not found then
    perform engine.refuse(
      'SCD01', format('There is no limit of %s by %s; admin.request_limits lists them.', p_class, p_subject_kind));
  end if;
  if p_requests not between 1 and 100000 or p_per not between interval '1 second' and interval '1 day' then
    perform engine.refuse('SCD02', 'A limit is 1 to 100000 requests (null: no limit) per 1 second to 1 day.');
  end if;

  -- A day is 24 hours here, whatever the clocks do.
  v_per := coalesce(make_interval(secs => extract(epoch from p_per)::integer), v_limit.per);
  update playground.request_limits
  set requests = p_requests,
    per = v_per
  where class = p_class
    and subject_kind = p_subject_kind;
  perform engine.write_audit(
    'set_request_limit', null, p_class || ' ' || p_subject_kind,
    jsonb_build_object('requests', v_limit.requests, 'per', v_limit.per),
    jsonb_build_object('requests', p_requests, 'per', v_per), p_reason
  );
end $$;
comment on function admin.set_request_limit(text, text, integer, interval, text) is
  'Changes how many requests of a class (login, register, purchase, writes, public_reads) a person (user) or an address may send per time, from the next request on; null requests: no limit, null time: as it is. SCD01 for a limit that there is not, SCD02 for a number or time out of range, SCD03 without a reason.';
