begin;
\ir ../helpers.psql
select plan(3);
-- As of one instant: ages are shown in seconds.
select tests.freeze(now());
select bag_eq('select name, is_ok, value from admin.health()', 'select name, is_ok, value from engine.health(engine.now())', 'the state of everything, now');
update playground.providers set is_enabled = false where provider = 'openai';
select is((array_agg(name))[1:1], array['provider openai'], 'what is not well comes first')
from (select name from admin.health() where name !~ '^(heartbeat|ledger)$' limit 1) as first;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.health()') $$, 'operators may ask');
select * from finish();
rollback;
