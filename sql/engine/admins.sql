-- What an admin does over HTTP: who they are, what they must say, and how their lists are paged.

create or replace function engine.check_admin(p_user_id uuid, p_token text, p_request_id text)
returns void
language plpgsql volatile
as $$
begin
  perform engine.verify_bearer(p_user_id, p_token);
  perform
  from playground.users
  where user_id = p_user_id
    and deleted_at is null
    and is_admin;
  if not found then
    perform engine.refuse('SCA07', 'This is for admins.');
  end if;
  -- engine.write_audit reads both. They end with this call.
  perform set_config('scrip.acting_user', p_user_id::text, true), set_config('scrip.request_id', coalesce(p_request_id, ''), true);
end $$;
comment on function engine.check_admin(uuid, text, text) is
  'First step of each door of admins: SCA01 unless the token is this person''s own, SCA07 unless they are an admin at this moment. What is audited after it in the same call bears their id and the request''s.';

create or replace function engine.check_reason_field(p_reason text)
returns void
language plpgsql stable
as $$
begin
  if p_reason is null or p_reason !~ '\S' then
    perform engine.refuse_field('reason', 'must be given: it is kept in the audit log');
  end if;
end $$;
comment on function engine.check_reason_field(text) is 'SCV01 for a change of which nobody says why.';

create or replace function engine.check_person(p_person_id uuid)
returns void
language plpgsql stable
as $$
begin
  perform
  from playground.users
  where user_id = p_person_id
    and deleted_at is null;
  if not found then
    perform engine.refuse('SCN03', 'There is no such person.');
  end if;
end $$;
comment on function engine.check_person(uuid) is 'SCN03 when somebody an admin asks about is unknown or deleted.';

create or replace function engine.read_number(p_field text, p_text text)
returns numeric
language plpgsql immutable
as $$
declare
  v_number numeric;
begin
  if octet_length(p_text) <= 40 then
    v_number := p_text::numeric;
  end if;
  if p_text is not null and (v_number is null or v_number in ('NaN', 'Infinity', '-Infinity')) then
    perform engine.refuse_field(p_field, 'is not a number that can be kept');
  end if;
  return v_number;
exception
  when data_exception then
    perform engine.refuse_field(p_field, 'is not a number that can be kept');
end $$;
comment on function engine.read_number(text, text) is 'A number that came as text, so that none of its digits is lost; null stays null. SCV01 naming the field for what is no number.';

create or replace function engine.write_cursor(variadic p_values text[])
returns text
language sql immutable
as $$ select encode(convert_to(array_to_string(p_values, ' '), 'UTF8'), 'hex') $$;
comment on function engine.write_cursor(text[]) is 'A place in a list, for whoever asks for the next page: the key of the last row shown.';

create or replace function engine.read_cursor(p_cursor text, p_pattern text)
returns text[]
language plpgsql immutable
as $$
declare
  v_text text;
begin
  -- Printable ASCII in hexadecimal, so nothing else can come out of it.
  if p_cursor ~ '^(2[0-9a-f]|[3-6][0-9a-f]|7[0-9a-e]){1,200}$' then
    v_text := convert_from(decode(p_cursor, 'hex'), 'UTF8');
  end if;
  if p_cursor is not null and (v_text ~ ('^' || p_pattern || '$')) is not true then
    perform engine.refuse_field('cursor', 'is not one that this list has given');
  end if;
  return string_to_array(v_text, ' ');
end $$;
comment on function engine.read_cursor(text, text) is 'What engine.write_cursor wrote; null for none. SCV01 for what does not look like the pattern.';

create or replace function engine.cursor_instant(p_instant timestamptz)
returns text
language sql immutable
as $$ select trunc(extract(epoch from p_instant) * 1000000)::text $$;
comment on function engine.cursor_instant(timestamptz) is 'An instant in a cursor: whole microseconds since 1970.';

create or replace function engine.instant_of_cursor(p_text text)
returns timestamptz
language sql immutable
as $$ select '1970-01-01 00:00:00+00'::timestamptz + (p_text::bigint / 1000000) * interval '1 second' + (p_text::bigint % 1000000) * interval '1 microsecond' $$;
comment on function engine.instant_of_cursor(text) is 'The instant that engine.cursor_instant wrote.';

create or replace function engine.check_limit(p_limit integer)
returns void
language plpgsql stable
as $$
begin
  if p_limit is null or p_limit not between 1 and 100 then
    perform engine.refuse_field('limit', 'must lie between 1 and 100');
  end if;
end $$;
comment on function engine.check_limit(integer) is 'SCV01 unless a page has 1 to 100 rows.';
