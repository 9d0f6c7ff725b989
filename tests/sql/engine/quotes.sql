begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(69);
select tests.freeze('2026-11-20 12:00:00+00');
create function tests.measure(
  p_user_id uuid, p_user_input text default 'Hello', p_model text default null, p_session_id uuid default null,
  p_use_no_prompt boolean default false, p_custom_prompt text default null, p_package text default 'demo', p_package_version text default null)
returns jsonb
language sql
as $$
  select to_jsonb(m)
  from engine.measure_run(
    p_user_id, p_package, p_package_version, p_user_input, p_model, p_session_id, p_use_no_prompt, p_custom_prompt, engine.now()) as m
$$;
select tests.make_package('demo', repeat('p', 400)) as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null

-- What is sent, and how much of it there is.
select is(tests.measure(:'ann_id') ->> 'input_tokens', '132', 'prompt and input are counted together and rounded up once');
select is(tests.measure(:'ann_id') ->> 'prompt', repeat('p', 400), 'the prompt is the package''s');
select is(tests.measure(:'ann_id', 'héé€😀') ->> 'input_tokens', '134', 'octets are counted, not characters');
select is(tests.measure(:'ann_id', p_use_no_prompt => true) - 'prompt' ->> 'input_tokens', '2', 'without the prompt only the input counts');
select is(tests.measure(:'ann_id', p_use_no_prompt => true) -> 'prompt', 'null', 'and the prompt is not sent');
select is(tests.measure(:'ann_id', p_use_no_prompt => true) ->> 'package_id', :'package_id', 'the package is still told');
select is(tests.measure(:'ann_id', p_custom_prompt => 'éé') ->> 'prompt', 'éé', 'an own prompt takes the package''s place');
select is(tests.measure(:'ann_id', p_custom_prompt => 'éé') ->> 'input_tokens', '3', 'with its own octets');
select is((tests.measure(:'ann_id', p_custom_prompt => 'x') ->> 'multiplier')::numeric, 2::numeric, 'and costs twice as much');
select is((tests.measure(:'ann_id', p_model => 'gpt-4o-mini', p_custom_prompt => 'x') ->> 'multiplier')::numeric, 1::numeric, 'with each model');
select is((tests.measure(:'ann_id', p_use_no_prompt => true, p_custom_prompt => 'x') ->> 'input_tokens'), '2', 'no prompt is no prompt, own or not');
select is(tests.measure(:'ann_id') ->> 'history', null, 'without a conversation there is no history');
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', p_answer => repeat('a', 40)) \g /dev/null
select is(
  tests.measure(:'ann_id', p_session_id => (:'run'::jsonb ->> 'session_id')::uuid) ->> 'input_tokens', '147',
  'in a conversation its history is input, counted together with the rest'
);
select is(
  tests.measure(:'ann_id', p_session_id => (:'run'::jsonb ->> 'session_id')::uuid) -> 'history',
  jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Hello'), jsonb_build_object('role', 'assistant', 'content', repeat('a', 40))),
  'and is sent'
);

-- The model and its price.
select is(tests.measure(:'ann_id') ->> 'model', 'sonnet', 'without a model the platform''s own is taken');
select admin.set_setting('default_model', 'gpt-4o', 'for a test') \g /dev/null
select is(tests.measure(:'ann_id') ->> 'model', 'gpt-4o', 'which is a setting');
select admin.set_setting('default_model', 'sonnet', 'for a test') \g /dev/null
select is(
  tests.measure(:'ann_id', p_model => model) ->> 'provider_model' || ' x ' || (tests.measure(:'ann_id', p_model => model) ->> 'multiplier')::numeric(8, 1), expected,
  format('%s is offered', model)
)
from (values
  ('sonnet', 'claude-sonnet-4-6 x 1.0'), ('opus', 'claude-opus-4-6 x 5.0'), ('gpt-4o', 'gpt-4o x 2.0'), ('gpt-4o-mini', 'gpt-4o-mini x 0.5'), ('gpt-4-turbo', 'gpt-4-turbo x 2.0')
) as listed (model, expected);
select is(
  array[(tests.measure(:'ann_id') ->> 'input_price')::numeric, (tests.measure(:'ann_id') ->> 'output_price')::numeric], array[3.75, 15],
  'the input is reckoned at the dearer of its price and that of writing the cache'
);
select is((tests.measure(:'ann_id', p_model => 'gpt-4o') ->> 'input_price')::numeric, 5::numeric, 'whichever that is');
select throws_ok(format('select tests.measure(%L, p_model => %L)', :'ann_id', 'gpt-5'), 'SCM01', null, 'an unknown model is refused');
select throws_ok(format('select tests.measure(%L, p_model => %L)', :'ann_id', ''), 'SCM01', null, 'and none without a name');
update playground.models set is_enabled = false where model = 'opus';
select throws_ok(format('select tests.measure(%L, p_model => %L)', :'ann_id', 'opus'), 'SCM02', null, 'a model that is switched off is not available');
insert into playground.models (model, provider, provider_model, multiplier, position) values ('free-lunch', 'openai', 'free-lunch', 1, 9);
select throws_ok(format('select tests.measure(%L, p_model => %L)', :'ann_id', 'free-lunch'), 'SCM02', null, 'nor is one without a price');
insert into playground.model_prices values ('free-lunch', '2026-11-20 12:00:00.000001+00', 1, 2, 1, 1);
select throws_ok(format('select tests.measure(%L, p_model => %L)', :'ann_id', 'free-lunch'), 'SCM02', null, 'or whose price is not in effect yet');
insert into playground.model_prices values ('free-lunch', '2026-11-20 12:00:00+00', 3, 4, 3, 3), ('free-lunch', '2026-11-01 00:00:00+00', 5, 6, 5, 5);
select is((tests.measure(:'ann_id', p_model => 'free-lunch') ->> 'output_price')::numeric, 4::numeric, 'a price is in effect from its instant on, and the newest counts');

-- Refusals.
select throws_ok(format('select tests.measure(%L, p_package => %L)', :'ann_id', 'unknown'), 'SCP01', null, 'an unknown package is refused');
select throws_ok(format('select tests.measure(%L, p_package_version => %L)', :'ann_id', '9.9.9'), 'SCP01', null, 'an unknown version, too');
select throws_ok(
  format('select tests.measure(%L, p_session_id => %L)', :'bob_id', :'run'::jsonb ->> 'session_id'), 'SCS01', null, 'another person''s conversation is not found'
);
select is(
  tests.measure(:'ann_id', tests.text_of(20000), p_use_no_prompt => true) ->> 'input_tokens', '20000', '20,000 tokens may be sent'
);
select throws_ok(
  format('select tests.measure(%L, tests.text_of(20001), p_use_no_prompt => true)', :'ann_id'), 'SCR01', null, '20,001 may not'
);
select throws_ok(
  format('select tests.measure(%L, repeat(%L, 61538 - 399))', :'ann_id', 'x'), 'SCR01', null, 'the prompt counts'
);
select throws_ok(
  format('select tests.measure(%L, repeat(%L, 61538 - 44), p_session_id => %L, p_use_no_prompt => true)', :'ann_id', 'x', :'run'::jsonb ->> 'session_id'),
  'SCR01', null, 'and so does the history'
);
select is(
  tests.measure(:'ann_id', repeat('x', 61538 - 45), p_session_id => (:'run'::jsonb ->> 'session_id')::uuid, p_use_no_prompt => true) ->> 'input_tokens', '20000',
  'to the octet'
);

-- Sizing: one step of 5,000 tokens a credit, answers of 256 to 4,096 tokens.
create function tests.size(p_available bigint, p_input bigint, p_multiplier numeric default 1, p_room_usd numeric default null)
returns text
language sql
as $$
  select format('%s tokens, %s credits, %s USD', coalesce(output_cap::text, '-'), coalesce(credits::text, '-'), coalesce(trim_scale(highest_cost_usd)::text, '-'))
    || case when lacks_room then ', no room' else '' end || ', requires ' || required
  from engine.size_run(p_available, p_multiplier, 5000, p_input, 4096, 256, 3.75, 15, p_room_usd)
$$;
select is(tests.size(available, input, multiplier, room), expected, about)
from (values
  (100::bigint, 904::bigint, 1::numeric, null::numeric, '4096 tokens, 1 credits, 0.06483 USD, requires 1', 'the model''s cap just fits one step'),
  (100, 905, 1, null, '4096 tokens, 2 credits, 0.06483375 USD, requires 1', 'one token more takes another step'),
  (1, 905, 1, null, '4095 tokens, 1 credits, 0.06481875 USD, requires 1', 'where there is only one credit the answer is shortened instead'),
  (1, 4744, 1, null, '256 tokens, 1 credits, 0.02163 USD, requires 1', 'down to 256 tokens'),
  (1, 4745, 1, null, '255 tokens, - credits, - USD, requires 2', 'but not to 255; what is required is the price of 256'),
  (0, 1, 1, null, '-1 tokens, - credits, - USD, requires 1', 'without credits nothing runs'),
  (2, 4745, 1, null, '4096 tokens, 2 credits, 0.07923375 USD, requires 2', 'with one credit more it runs whole'),
  (4, 1000, 5, null, '-1000 tokens, - credits, - USD, requires 5', 'a model at multiplier 5 takes five credits a step'),
  (5, 904, 5, null, '4096 tokens, 5 credits, 0.06483 USD, requires 5', 'whole'),
  (9, 905, 5, null, '4095 tokens, 5 credits, 0.06481875 USD, requires 5', 'nine credits buy no more of it than five'),
  (10, 905, 5, null, '4096 tokens, 10 credits, 0.06483375 USD, requires 5', 'ten do'),
  (1, 5904, 0.5, null, '4096 tokens, 1 credits, 0.08358 USD, requires 1', 'at multiplier 0.5 one credit buys two steps'),
  (1, 5905, 0.5, null, '4095 tokens, 1 credits, 0.08356875 USD, requires 1', 'and no more')
) as listed (available, input, multiplier, room, expected, about);
-- Room in the cost limits: 1,000 tokens of input cost 0.00375, 256 of output 0.00384.
select is(tests.size(100, 1000, 1, room), expected, about)
from (values
  (1::numeric, '4096 tokens, 2 credits, 0.06519 USD, requires 1', 'enough room changes nothing'),
  (0.06519, '4096 tokens, 2 credits, 0.06519 USD, requires 1', 'neither does just enough'),
  (0.065189999999, '4095 tokens, 2 credits, 0.065175 USD, requires 1', 'the smallest fraction less shortens the answer by a token'),
  (0.00759, '256 tokens, 1 credits, 0.00759 USD, requires 1', 'limits shorten answers down to 256 tokens'),
  (0.007589999999, '255 tokens, - credits, - USD, no room, requires 1', 'before they refuse'),
  (0.00375, '0 tokens, - credits, - USD, no room, requires 1', 'room for the input alone is none'),
  (0, '-250 tokens, - credits, - USD, no room, requires 1', 'nor is no room at all')
) as listed (room, expected, about);
select is(tests.size(1, 4745, 1, 1), '255 tokens, - credits, - USD, requires 2', 'where credits lack, room is not what lacks');
select is(tests.size(0, 1000, 1, 0), '-1000 tokens, - credits, - USD, no room, requires 1', 'where both lack, both are told');

-- What may be spent, in burn order.
select tests.make_user() as eve_id \gset
select is(
  (s.available, s.has_paid_credits)::text, '(5,f)', 'signup credits may be spent, and are not bought'
)
from engine.spendable(:'eve_id', engine.now()) as s;
select tests.add_lot(:'eve_id', 11, '2026-12-20 12:00:00+00'), tests.advance('1 second') \g /dev/null
select tests.add_lot(:'eve_id', 12, '2026-11-25 12:00:00+00'), tests.add_lot(:'eve_id', 13, '2026-12-20 12:00:00+00') \g /dev/null
select admin.set_plan(:'eve_id', 'prpm_plus_individual', null, 'for a test') as plan_id \gset
select engine.add_grant(:'eve_id', engine.now(), engine.now(), 'rollover', 'rollover', 14, 'bonus', 'x', '2026-12-01 00:00:00+00', p_subscription_id => :'plan_id') \g /dev/null
select tests.buy(:'eve_id', 15) \g /dev/null
create function tests.order_of(p_user_id uuid)
returns text
language sql
as $$
  select s.available || ': ' || string_agg(format('%s %s', g.source, lot.free), ', ' order by place)
  from engine.spendable(p_user_id, engine.now()) as s
  cross join unnest(s.grant_ids, s.free) with ordinality as lot (grant_id, free, place)
  join playground.grants g on g.account_id = p_user_id and g.grant_id = lot.grant_id
  group by s.available
$$;
select is(
  tests.order_of(:'eve_id'), '170: period 100, rollover 14, promo 12, promo 11, promo 13, signup 5, purchase 15',
  'monthly burns first, then rollover, then purchased; soonest expiry first, then oldest; what never expires last'
);
select is(s.has_paid_credits, true, 'bought credits are told') from engine.spendable(:'eve_id', engine.now()) as s;
update playground.grants set held = 90 where account_id = :'eve_id' and source = 'period';
update playground.grants set suspended = 9 where account_id = :'eve_id' and source = 'period';
select is(tests.order_of(:'eve_id'), '71: period 1, rollover 14, promo 12, promo 11, promo 13, signup 5, purchase 15', 'what is held or suspended is not spent');
update playground.grants set held = 100, suspended = 10 where account_id = :'eve_id' and source = 'period';
select is((engine.spendable(:'eve_id', engine.now())).available, 70::bigint, 'credits that are both are not counted against others');
select is((engine.spendable(:'eve_id', '2026-11-25 11:59:59.999999+00')).available, 70::bigint, 'credits may be spent until they expire');
select is((engine.spendable(:'eve_id', '2026-11-25 12:00:00+00')).available, 58::bigint, 'at that instant they are gone, whether or not anything was posted');
update playground.grants set expired_at = engine.now() where account_id = :'eve_id' and source = 'rollover';
select is((engine.spendable(:'eve_id', engine.now())).available, 56::bigint, 'an expired grant gives nothing');
select engine.post_transaction(:'eve_id', engine.now(), engine.now(), 'refund', 'x', array_agg(grant_id), array[-15]::bigint[]) from playground.grants where account_id = :'eve_id' and source = 'purchase' \g /dev/null
select is((engine.spendable(:'eve_id', engine.now())).has_paid_credits, false, 'bought credits that are used up are none');
select is((engine.spendable(gen_random_uuid(), engine.now())).available, 0::bigint, 'who has no grants has nothing');
select * from finish();
rollback;
