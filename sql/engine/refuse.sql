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

create or replace function engine.unknown_name(p_what text, p_name text, p_known text[])
returns text
language sql immutable
as $$ select format('There is no %s %s. There are: %s.', p_what, coalesce(left(p_name, 64), 'null'), array_to_string(p_known, ', ')) $$;
comment on function engine.unknown_name(text, text, text[]) is 'The words of a refusal: what was named does not exist, and what does.';

create or replace function engine.unknown_person(p_user_id uuid)
returns text
language sql immutable
as $$
  select case
    when p_user_id is null then 'Nobody is named: admin.find_user answers null for an address that nobody signs in with.'
    else 'There is no such person.' end
$$;
comment on function engine.unknown_person(uuid) is 'The words of a refusal: nobody has this id, or none was given, as when an address is mistyped.';

create or replace function engine.iso(p_instant timestamptz)
returns text
language sql stable
as $$ select to_char(p_instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;
comment on function engine.iso(timestamptz) is 'An instant as the HTTP contract writes it: ISO-8601, UTC, microseconds, Z.';
