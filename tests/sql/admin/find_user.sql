begin;
\ir ../helpers.psql
select plan(4);
select tests.make_user('Ann@Example.com') as ann_id \gset
select is(admin.find_user(address), :'ann_id', format('found by %L', address))
from (values ('ann@example.com'), ('Ann@Example.com'), (' ANN@EXAMPLE.COM ')) as listed (address);
select is(admin.find_user('bob@example.com'), null, 'nobody is null');
select * from finish();
rollback;
