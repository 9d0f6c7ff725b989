begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(32);
select tests.freeze('2026-10-31 23:59:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
create function tests.said(p_user_id uuid, p_session_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s: %s%s%s', number, role, content, case when not is_complete then ', incomplete' end, case when not is_in_history then ', not sent' end) order by number)
  from playground.messages
  where user_id = p_user_id and session_id = p_session_id
$$;
create function tests.sent(p_user_id uuid, p_session_id uuid)
returns text
language sql
as $$
  select octets || ': ' || (
    select string_agg(left(m ->> 'role', 1) || ' ' || (m ->> 'content'), ', ' order by place)
    from json_array_elements(history) with ordinality as sent (m, place))
  from engine.history_of(p_user_id, p_session_id)
$$;

-- The first run of a conversation makes it, when it is settled.
select tests.reserve(:'ann_id') as run \gset
select :'run'::jsonb ->> 'session_id' as session_id \gset
select throws_ok(format('select engine.history_of(%L, %L)', :'ann_id', :'session_id'), 'SCS01', null, 'until then there is none');
select tests.settle(:'ann_id', :'run', p_user_input => 'One', p_answer => 'Een') \g /dev/null
select is(tests.said(:'ann_id', :'session_id'), array['1 user: One', '2 assistant: Een'], 'input and answer are its first two messages');
select is(
  (package_id, package_version, model, messages, runs, credits_spent, history_octets, created_at, last_run_at)::text,
  (:'package_id'::uuid, '1.0.0', 'sonnet', 2, 1, 1, 6, engine.now(), engine.now())::text,
  'it knows what it is about'
)
from playground.sessions where user_id = :'ann_id' and session_id = :'session_id';
select is(tests.sent(:'ann_id', :'session_id'), '6: u One, a Een', 'and is what the next run sends');
select throws_ok(format('select engine.history_of(%L, %L)', :'bob_id', :'session_id'), 'SCS01', null, 'another person''s conversation is not found');
select throws_ok(format('select engine.history_of(%L, %L)', :'ann_id', gen_random_uuid()), 'SCS01', null, 'nor an unknown one');

-- The next runs append, in a month of their own, whatever they say of the model.
select tests.freeze('2026-11-01 00:00:01+00');
select tests.reserve(:'ann_id', p_model => 'gpt-4o', p_session_id => :'session_id') as run \gset
select is(:'run'::jsonb ->> 'session_id', :'session_id', 'a run goes on with the conversation');
select is(:'run'::jsonb -> 'history' -> 1 ->> 'content', 'Een', 'and gets what was said');
select tests.settle(:'ann_id', :'run', p_user_input => 'Twö', p_answer => 'Twee') \g /dev/null
select is(tests.sent(:'ann_id', :'session_id'), '14: u One, a Een, u Twö, a Twee', 'history is in the order of what was said, over months');
select is((model, messages, runs, credits_spent, last_run_at)::text, ('gpt-4o', 4, 2, 3, engine.now())::text, 'and the conversation goes along')
from playground.sessions where user_id = :'ann_id' and session_id = :'session_id';

-- Runs side by side.
select tests.reserve(:'ann_id', p_session_id => :'session_id') as left_run, tests.reserve(:'ann_id', p_session_id => :'session_id') as right_run \gset
select tests.settle(:'ann_id', :'right_run', p_user_input => 'right', p_answer => 'R'), tests.settle(:'ann_id', :'left_run', p_user_input => 'left', p_answer => 'L') \g /dev/null
select is(
  (tests.said(:'ann_id', :'session_id'))[5:], array['5 user: right', '6 assistant: R', '7 user: left', '8 assistant: L'],
  'both append, in the order in which they end, without a gap'
);

-- Empty and broken answers.
select tests.reserve(:'ann_id', p_session_id => :'session_id') as empty_run, tests.reserve(:'ann_id', p_session_id => :'session_id') as broken_run,
  tests.reserve(:'ann_id', p_session_id => :'session_id') as gone_run, tests.reserve(:'ann_id', p_session_id => :'session_id') as silent_run \gset
select tests.settle(:'ann_id', :'empty_run', p_user_input => 'hm', p_answer => ''), tests.release(:'ann_id', :'broken_run', 'provider_broke', 'Once'),
  tests.settle(:'ann_id', :'gone_run', p_user_input => 'bye', p_answer => 'Bef', p_outcome => 'client_gone'), tests.release(:'ann_id', :'silent_run', 'provider_timed_out') \g /dev/null
select is(
  (tests.said(:'ann_id', :'session_id'))[9:],
  array['9 user: hm, not sent', '10 assistant: , not sent', '11 user: Hello', '12 assistant: Once, incomplete', '13 user: bye', '14 assistant: Bef, incomplete'],
  'an empty answer is kept and not sent; one that broke off says so; no answer leaves nothing'
);
select is(
  tests.sent(:'ann_id', :'session_id'), '40: u One, a Een, u Twö, a Twee, u right, a R, u left, a L, u Hello, a Once, u bye, a Bef',
  'octets are those of what is sent'
);
select is((messages, runs, credits_spent)::text, '(14,7,7)', 'a failure costs nothing') from playground.sessions where user_id = :'ann_id' and session_id = :'session_id';
select is_empty(
  $$ select user_id, session_id from playground.messages group by user_id, session_id
     having array_agg(number order by number) <> (select array_agg(n) from generate_series(1, max(number)) as n) $$,
  'numbers have no gaps'
);
select is_empty(
  $$ select s.session_id from playground.sessions s
     where history_octets <> (select coalesce(sum(octet_length(content)), 0) from playground.messages m
       where m.user_id = s.user_id and m.session_id = s.session_id and is_in_history)
     or messages <> (select count(*) from playground.messages m where m.user_id = s.user_id and m.session_id = s.session_id) $$,
  'and what a conversation counts is there'
);

-- A first run that broke off makes the conversation, too; one without a word does not.
select tests.reserve(:'bob_id') as broken_run, tests.reserve(:'bob_id') as silent_run \gset
select tests.release(:'bob_id', :'broken_run', 'provider_broke', 'Once'), tests.release(:'bob_id', :'silent_run', 'provider_broke') \g /dev/null
select is(tests.said(:'bob_id', (:'broken_run'::jsonb ->> 'session_id')::uuid), array['1 user: Hello', '2 assistant: Once, incomplete'], 'what was shown is kept');
select is(count(*), 1::bigint, 'what was not is not') from playground.sessions where user_id = :'bob_id';

-- Deleted meanwhile.
select tests.reserve(:'ann_id', p_session_id => :'session_id') as run \gset
select api.delete_session(:'ann_id', :'session_id') \g /dev/null
select tests.settle(:'ann_id', :'run') as settled \gset
select is((:'settled'::jsonb ->> 'charged')::integer, 1, 'a run of a conversation that was deleted meanwhile is charged as usual');
select is(:'settled'::jsonb ->> 'body' like '%"response" : "An answer."%', true, 'and answered');
select is(count(*), 1::bigint, 'its usage is on record') from playground.usage where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is(count(*), 0::bigint, 'its messages are dropped') from playground.messages where user_id = :'ann_id' and session_id = :'session_id';
select is(count(*), 0::bigint, 'and the conversation stays deleted') from playground.sessions where user_id = :'ann_id';
select is(tests.reserve(:'bob_id', p_session_id => (:'broken_run'::jsonb ->> 'session_id')::uuid) ->> 'refusal', null, 'nobody else''s is touched');
select throws_ok(format('select tests.reserve(%L, p_session_id => %L)', :'ann_id', :'broken_run'::jsonb ->> 'session_id'), 'SCS01', null, 'nobody can go on with another''s conversation');
select throws_ok(format('select tests.reserve(%L, p_session_id => %L)', :'ann_id', :'session_id'), 'SCS01', null, 'nor with one that was deleted');

-- A history too long to be sent.
select tests.reserve(:'bob_id') as run \gset
select admin.set_unlimited(:'bob_id', true, 'for a test') \g /dev/null
select tests.settle(:'bob_id', :'run', p_user_input => repeat('x', 61000), p_answer => repeat('y', 530)) \g /dev/null
select :'run'::jsonb ->> 'session_id' as long_id \gset
select is((h.octets, json_array_length(h.history))::text, '(61530,2)', 'a history of 20,000 tokens is sent') from engine.history_of(:'bob_id', :'long_id') as h;
select is(tests.reserve(:'bob_id', 'eight oc', p_session_id => :'long_id', p_use_no_prompt => true) ->> 'refusal', null, 'with eight octets more it is 61,538');
select throws_ok(format('select tests.reserve(%L, %L, p_session_id => %L, p_use_no_prompt => true)', :'bob_id', 'nine octe', :'long_id'), 'SCR01', null, 'with nine it is refused');
select tests.reserve(:'bob_id', 'eight oc', p_session_id => :'long_id', p_use_no_prompt => true) as run \gset
select tests.settle(:'bob_id', :'run', p_user_input => 'eight oc', p_answer => 'z') \g /dev/null
select is((h.octets, h.history)::text, '(61539,)', 'of a longer one no message is read') from engine.history_of(:'bob_id', :'long_id') as h;
select throws_ok(format('select tests.reserve(%L, %L, p_session_id => %L)', :'bob_id', 'x', :'long_id'), 'SCR01', null, 'it is refused');
select is(json_array_length(api.get_session(:'bob_id', :'long_id') -> 'conversation'), 4, 'and may still be read');
select * from finish();
rollback;
