create or replace view admin.playground_credits as
select
  account.account_id as user_id,
  account.last_balance::bigint as balance,
  coalesce(lots.monthly, 0)::bigint as monthly_credits,
  coalesce(lots.monthly_used, 0)::bigint as monthly_credits_used,
  plan.period_end as monthly_reset_at,
  coalesce(lots.rollover, 0)::bigint as rollover_credits,
  lots.rollover_expires_at,
  coalesce(lots.purchased, 0)::bigint as purchased_credits,
  coalesce(history.earned, 0)::bigint as lifetime_earned,
  coalesce(history.spent, 0)::bigint as lifetime_spent,
  coalesce(history.purchased, 0)::bigint as lifetime_purchased
from playground.accounts as account
left join (
  select
    account_id,
    sum(granted) filter (where bucket = 'monthly' and expired_at is null) as monthly,
    sum(granted - remaining) filter (where bucket = 'monthly' and expired_at is null) as monthly_used,
    sum(remaining) filter (where bucket = 'rollover') as rollover,
    min(expires_at) filter (where bucket = 'rollover' and remaining > 0 and expired_at is null) as rollover_expires_at,
    sum(remaining) filter (where bucket = 'purchased') as purchased
  from playground.grants
  group by account_id
) as lots on lots.account_id = account.account_id
-- Only for one person is this quick: the key of the history begins with the account.
left join (
  select
    account_id,
    sum(amount) filter (where amount > 0) as earned,
    -sum(amount) filter (where type = 'spend') as spent,
    sum(amount) filter (where type = 'purchase') as purchased
  from playground.transactions
  group by account_id
) as history on history.account_id = account.account_id
left join playground.subscriptions as plan
  on plan.account_id = account.account_id
  and plan.ended_at is null
  and plan.status <> 'incomplete'
  and plan.periods > 0
where account.kind = 'user';
comment on view admin.playground_credits is
  'Credits of each person, as their account was last touched; jobs touch it within a minute of anything falling due, admin.balance_at(user, instant) at once. Quick with WHERE user_id = …. UPDATE is refused: admin.grant_credits(user, credits, reason).';
comment on column admin.playground_credits.user_id is 'Whose they are.';
comment on column admin.playground_credits.balance is 'All credits that are left, held and suspended ones included.';
comment on column admin.playground_credits.monthly_credits is 'Credits of the plan''s current period.';
comment on column admin.playground_credits.monthly_credits_used is 'How many of them are gone.';
comment on column admin.playground_credits.monthly_reset_at is 'When the plan''s period ends; null without a plan.';
comment on column admin.playground_credits.rollover_credits is 'Credits left of earlier periods.';
comment on column admin.playground_credits.rollover_expires_at is 'When the first of them expire.';
comment on column admin.playground_credits.purchased_credits is 'Credits left that belong to no period: bought, given, or of the signup.';
comment on column admin.playground_credits.lifetime_earned is 'Credits that ever came in, in whatever way.';
comment on column admin.playground_credits.lifetime_spent is 'Credits that runs were ever charged.';
comment on column admin.playground_credits.lifetime_purchased is 'Credits ever bought, refunded ones included.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.playground_credits
for each row execute function engine.refuse_view_change(
  'A balance is the sum of its history. To give credits: admin.grant_credits(user, credits, reason).'
);
