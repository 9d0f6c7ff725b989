begin;
\ir ../helpers.psql
select plan(12);

create function tests.refused(p_statement text, out code text, out message text, out detail text)
language plpgsql
as $$
begin
  execute p_statement;
exception
  when sqlstate 'SCC01' then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail;
end $$;
select is(
  tests.refused($$ select engine.refuse('SCC01', 'Not enough.', '{"required": 3}') $$)::text,
  ('SCC01', 'Not enough.', '{"required": 3}')::text,
  'a refusal has a code, words for people and details'
);
select is((tests.refused($$ select engine.refuse('SCC01', '100% %s') $$)).message, '100% %s', 'the words are not a format');
select is((tests.refused($$ select engine.refuse('SCC01', 'x') $$)).detail, '', 'details may be missing');

select is(engine.unknown_name('tier', 'gold', '{free,unlimited}'), 'There is no tier gold. There are: free, unlimited.', 'who names what is not there hears what is');
select is(engine.unknown_name('tier', null, '{free}'), 'There is no tier null. There are: free.', 'also who names nothing');
select is(length(engine.unknown_name('tier', repeat('x', 1000), '{free}')), 64 + length('There is no tier . There are: free.'), 'a long name is cut');
select isnt(engine.unknown_person(null), engine.unknown_person(gen_random_uuid()), 'nobody and somebody unknown are told apart');

select is(engine.iso('2026-11-20 12:00:00+00'), '2026-11-20T12:00:00.000000Z', 'an instant is written in UTC with microseconds');
select is(engine.iso('2026-11-20 12:00:00.000001+02'), '2026-11-20T10:00:00.000001Z', 'from whatever zone it was told in');
set local timezone = 'Pacific/Kiritimati';
select is(engine.iso('2026-12-31 23:30:00+00'), '2026-12-31T23:30:00.000000Z', 'whatever the session''s zone is');
set local timezone = 'America/St_Johns';
select is(engine.iso('2026-12-31 23:30:00+00'), '2026-12-31T23:30:00.000000Z', 'be it early or late');
select is(engine.iso(null), null, 'no instant is null');
select * from finish();
rollback;
