begin;
\ir ../helpers.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset

select is(admin.grant_credits(:'ann_id', 100, ' sorry for Monday ', 'bonus'), 2::bigint, 'the number of the transaction is returned');
select results_eq(
  format('select type::text, amount, balance_after::bigint, user_id from playground.transactions where account_id = %L and number = 2', :'ann_id'),
  format($$ values ('bonus', 100::bigint, 105::bigint, %L::uuid) $$, :'ann_id'),
  'the credits are in the history'
);
select results_eq(
  format('select bucket::text, source::text, remaining::bigint, expires_at from playground.grants where account_id = %L and last_number = 2', :'ann_id'),
  $$ values ('purchased', 'bonus', 100::bigint, null::timestamptz) $$,
  'and do not expire'
);
select is(
  (actor, action, user_id, subject, before, after, reason, created_at)::text,
  (session_user, 'grant_credits', :'ann_id', 'bonus', '{"balance": 5}', '{"number": 2, "balance": 105, "credits": 100}', 'sorry for Monday', engine.now())::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'grant_credits';
select is(admin.grant_credits(:'ann_id', 1, 'why not'), 3::bigint, 'admin is the type when none is said');
select is(type, 'admin', 'in the history too') from playground.transactions where account_id = :'ann_id' and number = 3;

select throws_ok(format('select admin.grant_credits(%L, %L, %L, %L)', :'ann_id', credits, reason, type), code, null, about)
from (values
  (0, 'x', 'admin', 'SCD02', 'no credits are no grant'),
  (-5, 'x', 'admin', 'SCD02', 'credits are not taken away'),
  (null, 'x', 'admin', 'SCD02', 'credits must be said'),
  (1000000001, 'x', 'admin', 'SCD02', 'a slip of the finger is no grant'),
  (9223372036854775000, 'x', 'admin', 'SCD02', 'nor what no sum could hold'),
  (5, 'x', 'purchase', 'SCD02', 'nothing is bought by hand'),
  (5, null, 'admin', 'SCD03', 'a reason must be given'),
  (5, e' \t', 'admin', 'SCD03', 'blanks are no reason')
) as listed (credits, reason, type, code, about);
select throws_ok(format('select admin.grant_credits(%L, 5, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select admin.grant_credits(%L, 5, %L)', :'ann_id', 'x'), 'SCD04', null, 'a deleted person is refused');
select * from finish();
rollback;
