create view analytics.webhooks_new as
select date_trunc('day', e.received_at, 'UTC') as day,
  count(*) as received,
  count(*) filter (where e.state = 'handled') as handled,
  count(*) filter (where e.state = 'ignored') as ignored,
  count(*) filter (where e.state = 'parked') as parked,
  count(*) filter (where e.state <> 'parked' and e.attempts > 1) as handled_later,
  round(100 * count(*) filter (where e.state <> 'parked')::numeric / count(*), 2) as success_percent,
  round(extract(epoch from percentile_cont(0.5) within group (order by e.handled_at - e.received_at)), 6) as median_seconds,
  round(extract(epoch from percentile_cont(0.95) within group (order by e.handled_at - e.received_at)), 6) as p95_seconds
from playground.stripe_events e
where e.received_at >= date_trunc('day', engine.now(), 'UTC') - interval '2208 hours'
group by 1;
comment on view analytics.webhooks_new is 'Events that Stripe sent, a row per UTC day of the last 92: each event counts once, on the day it was first received.';
comment on column analytics.webhooks_new.day is 'UTC day on which the events were received.';
comment on column analytics.webhooks_new.received is 'Events received: handled + ignored + parked.';
comment on column analytics.webhooks_new.handled is 'Events of these that were applied.';
comment on column analytics.webhooks_new.ignored is 'Events of these that say nothing we need.';
comment on column analytics.webhooks_new.parked is 'Events of these that still wait, for another event or for an operator (admin.stripe_events).';
comment on column analytics.webhooks_new.handled_later is 'Events of handled and ignored that were parked first.';
comment on column analytics.webhooks_new.success_percent is 'handled + ignored in percent of received.';
comment on column analytics.webhooks_new.median_seconds is 'Seconds from receiving an event to its end: half of those that ended took no longer; null when none has.';
comment on column analytics.webhooks_new.p95_seconds is 'The same of 95 %.';
