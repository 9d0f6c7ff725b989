begin;
\ir ../helpers.psql
select plan(3);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is(api.process_monthly_reset()::jsonb, '{"processed": 0}'::jsonb, 'nothing is due yet');
select tests.freeze('2026-02-28 12:00:00+00');
select is(api.process_monthly_reset()::jsonb, '{"processed": 1}'::jsonb, 'the accounts that were due are counted');
select is(api.process_monthly_reset()::jsonb, '{"processed": 0}'::jsonb, 'once');
select * from finish();
rollback;
