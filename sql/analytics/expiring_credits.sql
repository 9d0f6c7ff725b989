create view analytics.expiring_credits_new as
with lot as (
  select g.account_id, g.bucket::text as bucket, date_trunc('day', g.expires_at, 'UTC') as day, g.remaining - g.held as credits, g.held::bigint as held,
    case when g.bucket = 'monthly' and s.ended_at is null and s.status in ('active', 'trialing') and (s.ends_at is null or s.ends_at > s.period_end)
      then least(g.remaining - g.held, p.rollover_cap) else 0 end as carried_over,
    case when l.currency = 'usd' then l.price else 0 end as price_usd
  from playground.grants g
  join engine.lot_prices l on l.account_id = g.account_id and l.grant_id = g.grant_id
  left join playground.subscriptions s on s.account_id = g.account_id and s.subscription_id = g.subscription_id
  left join playground.plan_prices pp on pp.plan_price = s.plan_price
  left join playground.plans p on p.plan = pp.plan
  where g.expired_at is null and g.expires_at is not null and g.remaining > 0
)
select day, bucket, sum(credits)::bigint as credits, sum(carried_over)::bigint as carried_over, sum(credits - carried_over)::bigint as expiring,
  sum(held)::bigint as held, count(distinct account_id) as people, sum((credits - carried_over) * price_usd) as value_usd
from lot
group by 1, 2;
comment on view analytics.expiring_credits_new is 'Credits that are to expire, by day and bucket; days in the past are of accounts that nobody has touched since.';
comment on column analytics.expiring_credits_new.day is 'UTC day on which the credits expire; of a plan that goes on, when its renewal has to be paid.';
comment on column analytics.expiring_credits_new.bucket is 'monthly, rollover or purchased.';
comment on column analytics.expiring_credits_new.credits is 'Credits left that no run holds; suspended ones included.';
comment on column analytics.expiring_credits_new.carried_over is 'Credits of these that roll over if the plan is renewed: live, paid up and not cancelling; at most the plan''s cap.';
comment on column analytics.expiring_credits_new.expiring is 'Credits that expire unless they are used: credits - carried_over.';
comment on column analytics.expiring_credits_new.held is 'Credits that runs hold beside these: what they give back after the day expires then.';
comment on column analytics.expiring_credits_new.people is 'Payers who have these credits.';
comment on column analytics.expiring_credits_new.value_usd is 'What was paid for expiring, in US dollars; free credits and other currencies count nothing.';
