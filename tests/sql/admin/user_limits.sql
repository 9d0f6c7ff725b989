begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id \gset
insert into playground.user_limits (user_id, is_temporary, monthly_cost_limit_usd, reason, set_by, set_at, ends_at)
values (:'ann_id', false, 10, 'a good customer', 'me', engine.now(), null), (:'ann_id', true, 20, 'a demo', 'me', engine.now(), engine.now() + interval '1 day');
select is(array_agg(format('%s %s %s %s', email, trim_scale(monthly_cost_limit_usd), reason, is_in_force) order by is_temporary),
  '{"ann@scrip.example 10 a good customer t","ann@scrip.example 20 a demo t"}'::text[], 'who has which, and why') from admin.user_limits;
select is(array_agg(monthly_cost_limit_usd::text order by is_temporary), '{10,20}'::text[], 'in figures without trailing zeros') from admin.user_limits;
update playground.user_limits set set_by = tests.make_user('eve@scrip.example')::text where is_temporary;
select is(array_agg(set_by order by is_temporary), '{me,eve@scrip.example}'::text[], 'who gave it: a role, or an admin by address') from admin.user_limits;
select tests.advance('1 day') \g /dev/null
select is(array_agg(reason), '{a good customer}'::text[], 'one that has ended is in force no more') from admin.user_limits where is_in_force;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.user_limits') $$, 'operators read it');
select * from finish();
rollback;
