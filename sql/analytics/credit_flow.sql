create view analytics.credit_flow_new as
with flow as (
  select month,
    sum(credits_in - credits_out) as change,
    coalesce(sum(credits_in - credits_out) filter (where kind = 'signup'), 0) as signup,
    coalesce(sum(credits_in - credits_out) filter (where kind = 'monthly'), 0) as monthly,
    coalesce(sum(credits_in - credits_out) filter (where kind = 'purchase'), 0) as purchased,
    coalesce(sum(credits_in - credits_out) filter (where kind = 'bonus'), 0) as bonus,
    coalesce(sum(credits_in - credits_out) filter (where kind = 'admin'), 0) as admin,
    coalesce(sum(credits_out - credits_in) filter (where kind = 'spend'), 0) as spent,
    coalesce(sum(credits_out - credits_in) filter (where kind in ('expire', 'restore')), 0) as expired,
    coalesce(sum(credits_out - credits_in) filter (where kind = 'refund'), 0) as refunded,
    coalesce(sum(credits_out - credits_in) filter (where kind = 'gift'), 0) as gifts_left,
    coalesce(sum(credits_in) filter (where kind = 'rollover'), 0) as rolled_over
  from rollup.credit_months
  group by 1
), running as (
  select m.month,
    coalesce(sum(f.change) over (order by m.month), 0) as closing,
    coalesce(sum(f.change) over (order by m.month), 0) - coalesce(f.change, 0) as opening,
    coalesce(f.signup, 0) as signup, coalesce(f.monthly, 0) as monthly, coalesce(f.purchased, 0) as purchased,
    coalesce(f.bonus, 0) as bonus, coalesce(f.admin, 0) as admin, coalesce(f.spent, 0) as spent, coalesce(f.expired, 0) as expired,
    coalesce(f.refunded, 0) as refunded, coalesce(f.gifts_left, 0) as gifts_left, coalesce(f.rolled_over, 0) as rolled_over,
    coalesce(sum(f.gifts_left) over (order by m.month), 0) as gifts_under_way
  from engine.months((select min(month) from flow), engine.now()) as m
  left join flow f using (month)
)
select month, opening::bigint as opening,
  signup::bigint as signup, monthly::bigint as monthly, purchased::bigint as purchased, bonus::bigint as bonus, admin::bigint as admin,
  (signup + monthly + purchased + bonus + admin)::bigint as granted,
  spent::bigint as spent, expired::bigint as expired, refunded::bigint as refunded, gifts_left::bigint as gifts_left,
  closing::bigint as closing,
  (opening + signup + monthly + purchased + bonus + admin - spent - expired - refunded - gifts_left - closing)::bigint as difference,
  gifts_under_way::bigint as gifts_under_way, rolled_over::bigint as rolled_over
from running;
comment on view analytics.credit_flow_new is 'Where credits came from and went, a row per calendar month (UTC) of the instant at which each fell due, so a month changes when something of it is noticed late: opening + granted - spent - expired - refunded - gifts_left = closing. verify_ledger compares the sums with the ledger (credit_flow_is_the_ledger).';
comment on column analytics.credit_flow_new.month is 'First instant of the month (UTC).';
comment on column analytics.credit_flow_new.opening is 'Credits that all people together had when the month began.';
comment on column analytics.credit_flow_new.signup is 'Credits granted for registering.';
comment on column analytics.credit_flow_new.monthly is 'Credits granted by plans.';
comment on column analytics.credit_flow_new.purchased is 'Credits bought in packs.';
comment on column analytics.credit_flow_new.bonus is 'Credits of promo codes, and granted by operators as a bonus.';
comment on column analytics.credit_flow_new.admin is 'Other credits granted by operators.';
comment on column analytics.credit_flow_new.granted is 'Credits granted in all: signup + monthly + purchased + bonus + admin.';
comment on column analytics.credit_flow_new.spent is 'Credits charged for runs.';
comment on column analytics.credit_flow_new.expired is 'Credits that expired, less those that came back since the plan had gone on.';
comment on column analytics.credit_flow_new.refunded is 'Credits taken back for refunds and disputes, less those given back.';
comment on column analytics.credit_flow_new.gifts_left is 'Credits that left as gifts, less those that arrived or returned; negative when more arrived than left.';
comment on column analytics.credit_flow_new.closing is 'Credits that all people together had when the month ended, or have now.';
comment on column analytics.credit_flow_new.difference is 'Credits that the identity leaves unexplained: 0, or there is a kind of line that this view does not know.';
comment on column analytics.credit_flow_new.gifts_under_way is 'Credits on the way from one person to another when the month ended; nobody has them, so they are not part of closing.';
comment on column analytics.credit_flow_new.rolled_over is 'Credits that moved from a month''s lot to the rollover: part of no sum.';
