create or replace function engine.refuse(p_code text, p_message text, p_detail json default null)
returns void
language plpgsql volatile
as $$
begin
  -- An empty detail would be shown as a line of its own.
  if p_detail is null then
    raise exception using errcode = p_code, message = p_message;
  end if;
  raise exception using errcode = p_code, message = p_message, detail = p_detail::text;
end $$;
comment on function engine.refuse(text, text, json) is 'Refuses the call: raises SQLSTATE p_code (SC + subject + number); p_detail holds the documented details as a JSON object.';

create or replace function engine.iso(p_instant timestamptz)
returns text
language sql stable
as $$ select to_char(p_instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;
comment on function engine.iso(timestamptz) is 'An instant as the HTTP contract writes it: ISO-8601, UTC, microseconds, Z.';
