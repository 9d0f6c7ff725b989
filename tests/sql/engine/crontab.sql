begin;
\ir ../helpers.psql
select plan(24);

select is(engine.cron_values(field, low, high), expected::integer[], format('%s from %s to %s is %s', field, low, high, coalesce(expected, 'nothing')))
from (values
  ('*', 1, 3, '{1,2,3}'), ('5', 0, 59, '{5}'), ('1-4', 0, 7, '{1,2,3,4}'), ('*/20', 0, 59, '{0,20,40}'), ('2-59/20', 0, 59, '{2,22,42}'), ('10/20', 0, 59, '{10,30,50}'),
  ('31,1,1', 1, 31, '{1,31}'), ('99', 0, 59, null), ('x', 0, 59, null), ('*/0', 0, 2, '{0,1,2}')
) as listed (field, low, high, expected);

select is(engine.last_due(schedule, '2026-11-21 18:46:30+00'), due::timestamptz, about)
from (values
  ('* * * * *', '2026-11-21 18:46:00+00', 'every minute: this one'),
  ('*/5 * * * *', '2026-11-21 18:45:00+00', 'every five minutes'),
  ('17 * * * *', '2026-11-21 18:17:00+00', 'every hour: this one'),
  ('47 * * * *', '2026-11-21 17:47:00+00', 'or the one before'),
  ('11 4 * * *', '2026-11-21 04:11:00+00', 'every day: today'),
  ('11 20 * * *', '2026-11-20 20:11:00+00', 'or yesterday'),
  ('0 9 * * 1-5', '2026-11-20 09:00:00+00', 'on days of the week'),
  ('0 9 * * 7', '2026-11-15 09:00:00+00', 'of which the seventh is Sunday, as the zeroth is'),
  ('0 9 1,15 * 5', '2026-11-20 09:00:00+00', 'days of the month and of the week that are both named are either'),
  ('0 0 1 1 *', '2026-01-01 00:00:00+00', 'once a year'),
  ('0 0 30 2 *', null, 'never'),
  ('@hourly', null, 'other ways to say it are not read'),
  ('30 seconds', null, 'whatever they mean')
) as listed (schedule, due, about);
select is(engine.last_due('46 18 * * *', '2026-11-21 18:46:00+00'), '2026-11-21 18:46:00+00'::timestamptz, 'a minute is due when it begins');
select * from finish();
rollback;
