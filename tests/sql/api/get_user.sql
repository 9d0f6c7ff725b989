begin;
\ir ../helpers.psql
select plan(9);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id \gset

select is(
  api.get_user(:'ann_id')::jsonb,
  jsonb_build_object('id', :'ann_id', 'email', 'ann@example.com', 'username', null, 'tier', 'free', 'isAdmin', false,
    'isAuthor', false, 'subscription', null, 'createdAt', '2026-01-31T12:00:00.000000Z'),
  'a person without a plan'
);
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is(api.get_user(:'ann_id') ->> 'tier', 'prpm_plus_individual', 'the plan''s price decides the tier');
select is(
  (api.get_user(:'ann_id') -> 'subscription')::jsonb,
  '{"isActive": true, "status": "active", "plan": "prpm_plus", "cancelAtPeriodEnd": false, "currentPeriodEnd": "2026-02-28T12:00:00.000000Z"}'::jsonb,
  'the plan is shown with the end of its period'
);
select tests.freeze('2026-03-10 00:00:00+00');
select is(
  api.get_user(:'ann_id') -> 'subscription' ->> 'currentPeriodEnd', '2026-03-31T12:00:00.000000Z',
  'what fell due is caught up before it is shown'
);
select admin.end_plan(:'ann_id', true, 'for a test') \g /dev/null
select is(api.get_user(:'ann_id') -> 'subscription' ->> 'cancelAtPeriodEnd', 'true', 'a plan that is ending says so');
select tests.freeze('2026-03-31 12:00:00+00');
select is((api.get_user(:'ann_id') -> 'subscription')::text, 'null', 'and is gone at that instant');
select is(api.get_user(:'ann_id') ->> 'tier', 'free', 'with its tier');

select throws_ok(format('select api.get_user(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person is refused');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'ann_id';
select throws_ok(format('select api.get_user(%L)', :'ann_id'), 'SCA02', null, 'a deleted person is refused');

select * from finish();
rollback;
