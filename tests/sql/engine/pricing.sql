begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(66);

-- Tokens: ceil(octets / 4 x 1.3).
select is(engine.estimate_tokens(octets), tokens, format('%s octets count as %s tokens', octets, tokens))
from (values (0::bigint, 0::bigint), (1, 1), (3, 1), (4, 2), (40, 13), (41, 14), (61538, 20000), (61539, 20001)) as listed (octets, tokens);
select is(octet_length(tests.text_of(20000)), 61538, 'the longest text of a run has 61,538 octets');
select admin.set_setting('octets_per_token', '3', 'for a test'), admin.set_setting('token_estimate_factor', '1', 'for a test') \g /dev/null
select is(engine.estimate_tokens(10), 4::bigint, 'the figures of the estimate are settings');

-- Credits: max(1, ceil(ceil(tokens / 5000) x multiplier)).
select is(
  engine.credits_for(tokens, multiplier, 5000), credits,
  format('%s tokens at multiplier %s cost %s', tokens, multiplier, credits)
)
from (values
  (0::bigint, 1::numeric, 1::bigint), (1, 1, 1), (5000, 1, 1), (5001, 1, 2), (10000, 1, 2), (10001, 1, 3), (24096, 1, 5),
  (1, 5, 5), (5000, 5, 5), (5001, 5, 10), (20001, 5, 25),
  (1, 2, 2), (5001, 2, 4),
  (1, 0.5, 1), (5000, 0.5, 1), (5001, 0.5, 1), (10000, 0.5, 1), (10001, 0.5, 2), (15000, 0.5, 2), (20000, 0.5, 2), (20001, 0.5, 3),
  (0, 0.001, 1), (5000, 1.5, 2), (5001, 1.5, 3), (15000, 1.5, 5),
  (5000, 10, 10), (2147483647, 1, 429497), (9000000000, 0.5, 900000)
) as listed (tokens, multiplier, credits);
select is(engine.credits_for(7, 1, 3), 3::bigint, 'the size of a step is a setting');

-- The largest answer that credits pay for: floor(available / multiplier) steps, less the input.
select is(
  engine.output_cap(available, multiplier, 5000, input, 4096), cap,
  format('%s credits at multiplier %s leave %s tokens of answer beside %s of input', available, multiplier, cap, input)
)
from (values
  (1::bigint, 1::numeric, 904::bigint, 4096::bigint), (1, 1, 905, 4095), (1, 1, 4744, 256), (1, 1, 4745, 255), (1, 1, 5000, 0), (1, 1, 5001, -1),
  (0, 1, 10, -10), (4, 5, 10, -10), (5, 5, 10, 4096), (9, 5, 4990, 10), (10, 5, 4990, 4096),
  (1, 0.5, 9744, 256), (1, 0.5, 9745, 255), (1, 2, 1, -1), (3, 2, 4990, 10), (3, 1.5, 9990, 10), (2, 1.5, 4990, 10)
) as listed (available, multiplier, input, cap);
select is_empty(
  $$ select available, multiplier, input
     from generate_series(1, 40) as available
     cross join unnest(array[0.5, 1, 1.5, 2, 3.333, 5, 10]::numeric[]) as multiplier
     cross join generate_series(0, 12000, 750) as input
     cross join lateral engine.output_cap(available, multiplier, 5000, input, 4096) as cap
     where cap >= 0
       and engine.credits_for(input + cap, multiplier, 5000) > available $$,
  'input and largest answer never cost more than there is'
);

select is(engine.output_cap(9000000000000000000, 0.001, 5000, 1000, 4096), 4096::bigint, 'no balance is too large to be reckoned with');

-- API cost, exact to one token.
select is(engine.cost_of(1, 0, 0, 0, 3, 15, 0.3, 3.75), 0.000003, 'an input token of sonnet costs 3 millionths of a dollar');
select is(engine.cost_of(0, 1, 0, 0, 3, 15, 0.3, 3.75), 0.000015, 'an output token 15');
select is(engine.cost_of(0, 0, 1, 0, 3, 15, 0.3, 3.75), 0.0000003, 'a token read from the cache a tenth of the input');
select is(engine.cost_of(0, 0, 0, 1, 3, 15, 0.3, 3.75), 0.00000375, 'a token written to it a quarter more');
select is(engine.cost_of(1, 1, 1, 1, 0.001, 0.001, 0.001, 0.001), 0.000000004, 'a billionth of a dollar is not lost');
select is(engine.cost_of(3, 7, 11, 13, 0.000001, 0.000001, 0.000001, 0.000001), 0.000000000034, 'nor any price the book can hold');
select is(
  engine.cost_of(9999999, 9999999, 9999999, 9999999, 999999.999999, 999999.999999, 999999.999999, 999999.999999), 39999995.99996000000400,
  'nor anything of a large one'
);
select is(0.000000000034::playground.usd::numeric, 0.000000000034, 'and a column of dollars holds it');
select * from finish();
rollback;
