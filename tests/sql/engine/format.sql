begin;
\ir ../helpers.psql
select plan(21);

create function tests.detail_of(p_statement text)
returns jsonb
language plpgsql
as $$
declare
  v_detail text;
begin
  execute p_statement;
  return null;
exception
  when sqlstate 'SCV01' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail;
end $$;
select is(
  tests.detail_of($$ select engine.refuse_field('email', 'is not an e-mail address') $$),
  '{"fields": {"email": "is not an e-mail address"}}'::jsonb, 'a refused field is named with its reason'
);
select is(tests.detail_of(format('select engine.check_page(%L, %L)', page_limit, page_offset)) -> 'fields', fields::jsonb, format('limit %s, offset %s', page_limit, page_offset))
from (values
  (1, 0, null), (100, 2147483647, null),
  (0, 0, '{"limit": "must lie between 1 and 100"}'), (101, 0, '{"limit": "must lie between 1 and 100"}'), (null, 0, '{"limit": "must lie between 1 and 100"}'),
  (1, -1, '{"offset": "must not be negative"}'), (1, null, '{"offset": "must not be negative"}')
) as listed (page_limit, page_offset, fields);
select is(engine.pagination(10, page_offset, 25) ->> 'hasMore', has_more, format('from %s of 25', page_offset))
from (values (0, 'true'), (14, 'true'), (15, 'false'), (2147483647, 'false')) as listed (page_offset, has_more);
select is(engine.csv_field(value), field, format('%L as a field', value))
from (values
  (null, ''), ('plain', '"plain"'), ('', '""'), ('a "b", c', '"a ""b"", c"'), ('=1+1', '"''=1+1"'), ('-1', '"''-1"'), ('@x', '"''@x"'), ('+x', '"''+x"'), ('a=b', '"a=b"')
) as listed (value, field);
select * from finish();
rollback;
