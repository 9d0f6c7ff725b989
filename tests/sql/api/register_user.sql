begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(29);
select tests.freeze('2026-11-20 12:00:00+00');

select api.register_user('  Ann.Lee@Example.com ', ' Ann ', '$argon2id$x', sha256('t1')) as ann \gset
select :'ann'::json ->> 'id' as ann_id \gset
select is(
  :'ann'::jsonb - 'id',
  '{"email": "Ann.Lee@Example.com", "username": "Ann", "tier": "free", "isAdmin": false, "isAuthor": false, "subscription": null, "createdAt": "2026-11-20T12:00:00.000000Z"}'::jsonb,
  'the new person is answered as the API shows them'
);
select results_eq(
  format('select number, type::text, amount, balance_after::bigint, posted_at, effective_at from playground.transactions where account_id = %L', :'ann_id'),
  $$ values (1::bigint, 'signup', 5::bigint, 5::bigint, engine.now(), engine.now()) $$,
  'the signup credits are the first line of the history'
);
select results_eq(
  format('select bucket::text, source::text, remaining::bigint, expires_at from playground.grants where account_id = %L', :'ann_id'),
  $$ values ('purchased', 'signup', 5::bigint, null::timestamptz) $$,
  'signup credits do not expire'
);
select is(account_id, user_id, 'a person''s own account has the person''s id') from playground.users where user_id = :'ann_id';
select is(
  (expires_at - issued_at, rotated_at, revoked_at)::text, ('30 days'::interval, null::timestamptz, null::timestamptz)::text,
  'the first refresh token is kept'
)
from playground.refresh_tokens where user_id = :'ann_id' and token_hash = sha256('t1');

select throws_ok(
  format('select api.register_user(%L, null, %L, sha256(%L))', email, '$argon2id$x', email), 'SCA03', null,
  format('%s is taken', email)
)
from (values ('ann.lee@example.com'), ('ANN.LEE@EXAMPLE.COM ')) as listed (email);

select throws_ok(
  format('select api.register_user(%L, null, %L, sha256(%L))', email, '$argon2id$x', 'x'), 'SCV01', null,
  format('%s is no e-mail address', to_json(left(email, 30)))
)
from (values
  (''), ('ann'), ('ann@localhost'), ('@example.com'), ('ann@@example.com'), ('a b@example.com'), ('ann@example..com'),
  ('ann@-example.com'), (e'ann@example.com\nBcc: x@y.z'), ('änn@example.com'), (repeat('a', 65) || '@example.com')
) as listed (email);
select throws_ok(
  $$ select api.register_user(null, null, '$argon2id$x', sha256('x')) $$, 'SCV01', null, 'an address must be given'
);
select throws_ok(
  format('select api.register_user(%L, %L, %L, sha256(%L))', 'bob@example.com', username, '$argon2id$x', 'x'), 'SCV01', null,
  'a name has 1 to 64 printable characters'
)
from (values ('  '), (repeat('x', 65)), (e'a\tb')) as listed (username);

-- Once per person, however the address is written.
select api.register_user('jo.hn@gmail.com', null, '$argon2id$x', sha256('a')) ->> 'id' as first_id,
  api.register_user('JOHN+again@googlemail.com', null, '$argon2id$x', sha256('b')) ->> 'id' as second_id \gset
select is(
  array[(select last_balance::bigint from playground.accounts where account_id = :'first_id'), (select last_balance::bigint from playground.accounts where account_id = :'second_id')],
  array[5, 0]::bigint[],
  'a person gets signup credits once'
);

-- The day's bound.
select admin.set_setting('signup_credits_per_day', '14', 'for a test') \g /dev/null
select api.register_user('late@example.com', null, '$argon2id$x', sha256('c')) ->> 'id' as late_id \gset
select is(last_balance::bigint, 0::bigint, 'beyond the day''s bound a signup brings nothing') from playground.accounts where account_id = :'late_id';
select is(
  (user_id, window_starts_at, details)::text,
  ('00000000-0000-0000-0000-000000000000'::uuid, '2026-11-20 00:00:00+00'::timestamptz, '{"given": 10, "limit": 14}'::jsonb)::text,
  'and the platform an alert'
)
from playground.alerts where kind = 'signup_credits_exhausted';
select tests.freeze('2026-11-21 00:00:00+00');
select api.register_user('early@example.com', null, '$argon2id$x', sha256('d')) ->> 'id' as early_id \gset
select is(last_balance::bigint, 5::bigint, 'the next UTC day begins anew') from playground.accounts where account_id = :'early_id';

-- What waited for the address.
select tests.make_user('giver@example.com') as giver_id \gset
select tests.buy(:'giver_id', 100, 5), tests.advance('14 days') \g /dev/null
select tests.give(:'giver_id', 'gifted@example.com', 40), tests.give(:'giver_id', 'other@example.com', 10) \g /dev/null
select api.register_user(' Gifted@example.com', null, '$argon2id$x', sha256('e')) ->> 'id' as gifted_id \gset
select is(tests.ledger(:'gifted_id'), array['1 signup +5 = 5 (signup +5)', '2 gift +40 = 45 (gift +40)'], 'gifts that waited for the address arrive with the person');
select is((select count(*) from playground.waiting_gifts), 1::bigint, 'those for others go on waiting');
select is_empty('select tests.book_errors()', 'the books hold');

select * from finish();
rollback;
