begin;
\ir ../helpers.psql
select plan(9);
select is((select name from admin.help('throttle') limit 1), 'throttle', 'what has just this name comes first');
select is((select arguments from admin.help('throttle') limit 1), '(p_user_id uuid, p_reason text, p_until timestamptz = NULL)', 'with what it is called with');
select is((select about from admin.help(' Set_User_Limit ') limit 1), obj_description('admin.set_user_limit'::regproc), 'and what it says of itself, however it is written');
select is((select array_agg(distinct arguments) from admin.help('revenue') where name in ('revenue', 'revenue_now')), '{view of analytics}', 'views are found as well');
select ok('set_limits' in (select name from admin.help('tier')), 'words of the description find too');
select is((select name from admin.help('user limit') limit 1), 'end_user_limit', 'several words are a name without its lines');
select is((select name from admin.help('price provider instant') limit 1), 'set_model_price', 'or are all in the description');
select is_empty($$ select from admin.help() where about is null or arguments ~ 'DEFAULT|::|time zone' $$, 'everything is described, and its call is short');
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.help()') $$, 'operators read it');
select * from finish();
rollback;
