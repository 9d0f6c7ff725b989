begin;
\ir ../helpers.psql
select plan(30);
select tests.freeze('2026-11-20 12:00:00+00');
select gen_random_uuid() as ann_id, gen_random_uuid() as bob_id \gset
select admin.set_request_limit('writes', 'user', 3, '1 minute', 'x'), admin.set_request_limit('writes', 'address', 5, '5 minutes', 'x') \g /dev/null
-- What is told: refusal, or requests/remaining/seconds.
create function tests.count(p_user_id uuid, p_address text, p_class text default 'writes')
returns text
language sql
as $$
  select coalesce(refusal || ' ' || (refusal_detail ->> 'limitSource') || ' ' || (refusal_detail ->> 'retryAfter'),
    requests || '/' || remaining || '/' || reset_seconds)
  from api.count_request(p_user_id, p_class, p_address)
$$;
create function tests.counters()
returns setof text
language sql
as $$
  select c.class || ' ' || case octet_length(c.subject) when 16 then 'user' else 'address' end || ' ' || extract(epoch from c.resets_at - engine.now())::integer
  from playground.request_counters c
  order by 1
$$;

select is(tests.count(:'ann_id', null), '3/2/20', 'a request is counted for its person');
select is(tests.count(:'ann_id', null), '3/1/40', 'each of them');
select is(tests.count(:'bob_id', null), '3/2/20', 'nobody else''s');
select is(tests.count(:'ann_id', null), '3/0/60', 'to the last');
select is(tests.count(:'ann_id', null), 'SCQ01 requests_user 20', 'then one is refused until the next is there');
select is(
  (select refusal_detail::jsonb - 'hint' from api.count_request(:'ann_id', 'writes', null)),
  '{"limitSource": "requests_user", "limit": 3, "used": 3, "resetsAt": "2026-11-20T12:00:20.000000Z", "retryAfter": 20}',
  'which limit, how much is used and when it goes on are told'
);
select is(tests.count(:'ann_id', '192.0.2.1'), 'SCQ01 requests_user 20', 'wherever it comes from');
select bag_eq('select tests.counters()', array['writes user 60', 'writes user 20'], 'who is over the own limit uses nothing of the address''s');
select tests.freeze('2026-11-20 12:00:19.999+00');
select is(tests.count(:'ann_id', null), 'SCQ01 requests_user 1', 'refused until the very end');
select tests.freeze('2026-11-20 12:00:20+00');
select is(tests.count(:'ann_id', null), '3/0/60', 'when one passes');
select is(tests.count(:'ann_id', null), 'SCQ01 requests_user 20', 'not all of the limit: no edge lets twice as many in');

delete from playground.request_counters;
select is(tests.count(:'ann_id', '192.0.2.1'), '3/2/20', 'of a person''s and an address'' limit the tightest is told');
select is(tests.count(gen_random_uuid(), '192.0.2.1'), '3/2/20', 'an address counts all who come from it');
select is(tests.count(gen_random_uuid(), '192.0.2.1'), '5/2/180', 'of two with as many left the one that is slower to come back is told');
select is(tests.count(gen_random_uuid(), '192.0.2.1'), '5/1/240', 'which may be the address''');
select is(tests.count(gen_random_uuid(), '192.0.2.1'), '5/0/300', 'to the last');
select is(tests.count(:'bob_id', '192.0.2.1'), 'SCQ01 requests_address 60', 'then nobody is let in from there');
select is(tests.count(:'bob_id', '192.0.2.2'), '3/2/20', 'and has used nothing of the own limit');
select is(tests.count(null, '192.0.2.3'), '5/4/60', 'who is not known is counted by the address');
select is(tests.count(null, null), null, 'what has neither is not counted');
select is(tests.count(:'ann_id', '192.0.2.9', 'login'), '30/29/10', 'each class has limits of its own');

-- The last one taken by somebody else between looking and counting.
delete from playground.request_counters;
select tests.count(:'ann_id', null), tests.count(:'ann_id', null) \g /dev/null
create function tests.take_last()
returns trigger
language plpgsql
as $$
begin
  if octet_length(new.subject) = 32 then
    update playground.request_counters set resets_at = resets_at + interval '20 seconds' where octet_length(subject) = 16;
  end if;
  return new;
end $$;
create trigger take_last before insert on playground.request_counters for each row execute function tests.take_last();
select is(tests.count(:'ann_id', '192.0.2.1'), 'SCQ01 requests_user 20', 'of two who want the last, the second is refused');
drop trigger take_last on playground.request_counters;
select bag_eq('select tests.counters()', array['writes user 60', 'writes address 0'], 'and gives back what was counted for the address');

-- Limits that change.
select admin.set_request_limit('writes', 'user', 60, null, 'x') \g /dev/null
select is(tests.count(:'ann_id', null), 'SCQ01 requests_user 1', 'used up stays used up');
select tests.advance('10 seconds');
select is(tests.count(:'ann_id', null), '60/9/51', 'but comes back as fast as the new limit says');
update playground.request_counters set resets_at = engine.now() + interval '3 hours';
select is(tests.count(:'ann_id', null), 'SCQ01 requests_user 1', 'nobody waits longer than the limit in force says, whatever was in force, or the clock showed');
select admin.set_request_limit('writes', 'user', null, null, 'x') \g /dev/null
select is(tests.count(:'ann_id', null), null, 'a limit that is switched off limits nothing');
select throws_ok(
  $$ select api.count_request(null, 'no such class', '192.0.2.1') $$, 'P0004', null, 'a class that there is not is a mistake of the gateway''s, never let in unseen'
);
select is(
  (select count(*) from pg_class where oid = 'playground.request_counters'::regclass and relpersistence = 'u'), 1::bigint,
  'counting waits for no disk'
);

-- The planner takes a table that was just emptied for empty, and keeps its plans while it fills.
discard plans;
delete from playground.request_counters;
analyze playground.request_counters;
select pg_stat_get_xact_numscans('playground.request_counters'::regclass) as scans \gset
select tests.count(gen_random_uuid(), '198.51.100.' || n) from generate_series(1, 20) as n \g /dev/null
select is(pg_stat_get_xact_numscans('playground.request_counters'::regclass) - :scans, 0::bigint, 'counters are looked up by key, never read through');
select * from finish();
rollback;
