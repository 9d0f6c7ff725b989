begin;
\ir ../helpers.psql
select plan(44);
select tests.freeze('2026-01-31 12:00:00+00');

select ok(engine.is_email(address), format('%s can be an address', address))
from (values
  ('a@b.co'), (' Ann.Lee+x@Sub.Example.COM '), ('o''brien@example.ie'), ('x@xn--bcher-kva.example'), ('a@b-c.d-e.co'),
  (repeat('a', 64) || '@example.com')
) as listed (address);
select ok(not engine.is_email(address), format('%s cannot', left(to_json(address)::text, 40)))
from (values
  (null), (''), ('@'), ('a@b'), ('a@b.'), ('a@.b'), ('.a@b.co'), ('a.@b.co'), ('a..b@c.co'), ('a@b.c_d'), ('a@1.2.3.4'), ('a@-b.co'), ('a@b-.co'),
  ('a b@c.co'), ('a@b.co, c@d.co'), (e'a@b.co\n'  || 'x'), ('ä@b.co'), ('a@bücher.co'), ('ａ@b.co'), (repeat('a', 65) || '@b.co'),
  ('a@' || repeat('b.', 130) || 'co')
) as listed (address);

select ok(engine.person_hash(one) = engine.person_hash(other), format('%s is %s', one, other))
from (values
  ('ann@example.com', ' ANN@example.COM '), ('ann@example.com', 'ann+a+b@example.com'), ('annlee@gmail.com', 'a.n.n.lee+x@googlemail.com')
) as listed (one, other);
select ok(engine.person_hash(one) <> engine.person_hash(other), format('%s is not %s', one, other))
from (values
  ('annlee@example.com', 'ann.lee@example.com'), ('ann@gmail.com', 'ann@example.com'), ('+a@example.com', '+b@example.com')
) as listed (one, other);

select tests.make_user('ann@example.com') as ann_id, gen_random_uuid() as organization_account \gset
insert into playground.accounts (account_id, kind, last_instant, last_effective_at, created_at)
values (:'organization_account', 'organization', engine.now(), engine.now(), engine.now());
select is(engine.find_account(:'ann_id'), :'ann_id', 'a person pays for themselves');
update playground.users set account_id = :'organization_account' where user_id = :'ann_id';
select is(engine.find_account(:'ann_id'), :'organization_account', 'or somebody else does');
update playground.users set account_id = user_id where user_id = :'ann_id';

select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'x') \g /dev/null
select is(
  engine.subscription_json(:'ann_id')::jsonb,
  '{"isActive": true, "status": "active", "plan": "prpm_plus", "cancelAtPeriodEnd": false, "currentPeriodEnd": "2026-02-28T12:00:00.000000Z"}'::jsonb,
  'a live subscription'
);
update playground.subscriptions set status = 'past_due' where account_id = :'ann_id';
select is(engine.subscription_json(:'ann_id') ->> 'isActive', 'false', 'one that is not paid is not active');
update playground.subscriptions set status = 'active' where account_id = :'ann_id';
select tests.freeze('2026-02-28 12:00:00+00');
select is(engine.visit_user(:'ann_id'), :'ann_id', 'a visit finds the account');
select is(last_number, 4::bigint, 'and catches it up') from playground.accounts where account_id = :'ann_id';

select api.record_login(:'ann_id', sha256('a')) \g /dev/null
select is((engine.lock_refresh_token(:'ann_id', sha256('a'))).user_id, :'ann_id', 'a token is found');
select is((engine.lock_refresh_token(:'ann_id', sha256('b'))).user_id, null, 'an unknown one is null');
select engine.end_token_family(:'ann_id', family_id, engine.now()) from playground.refresh_tokens where token_hash = sha256('a') \g /dev/null
select ok(not engine.rotate_refresh_token(:'ann_id', sha256('a'), sha256('b')), 'a token of an ended family is not exchanged');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select engine.find_account(%L)', :'ann_id'), 'SCA02', null, 'a deleted person has no account to use');
select is(engine.user_json(:'ann_id')::text, null, 'and is not shown');
select * from finish();
rollback;
