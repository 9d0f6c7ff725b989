-- How lists are paged and written, and how a field is refused.

create or replace function engine.refuse_field(p_field text, p_reason text)
returns void
language plpgsql stable
as $$
begin
  perform engine.refuse(
    'SCV01',
    format('The field %s %s.', p_field, p_reason),
    json_build_object('fields', json_build_object(p_field, p_reason))
  );
end $$;
comment on function engine.refuse_field(text, text) is 'Raises SCV01 for one field of a request.';

create or replace function engine.check_page(p_limit integer, p_offset integer, p_max_limit integer default 100)
returns void
language plpgsql stable
as $$
begin
  if p_limit is null or p_limit not between 1 and p_max_limit then
    perform engine.refuse_field('limit', format('must lie between 1 and %s', p_max_limit));
  end if;
  if p_offset is null or p_offset < 0 then
    perform engine.refuse_field('offset', 'must not be negative');
  end if;
end $$;
comment on function engine.check_page(integer, integer, integer) is 'SCV01 unless limit and offset describe a page.';

create or replace function engine.pagination(p_limit integer, p_offset integer, p_total bigint)
returns json
language sql immutable
as $$
  select json_build_object(
    'limit', p_limit,
    'offset', p_offset,
    'hasMore', p_offset::bigint + p_limit < p_total
  );
$$;
comment on function engine.pagination(integer, integer, bigint) is 'The pagination part of a list of p_total rows.';

create or replace function engine.csv_field(p_value text)
returns text
language sql immutable
as $$
  -- A leading = + - @, tab or return would be run as a formula by spreadsheets; an apostrophe makes it text.
  select case
    when p_value is null then ''
    else '"' || case when p_value ~ e'^[=+@\t\r-]' then '''' else '' end || replace(p_value, '"', '""') || '"'
  end;
$$;
comment on function engine.csv_field(text) is 'A text as a field of RFC 4180 that no spreadsheet takes for a formula; null is empty.';
