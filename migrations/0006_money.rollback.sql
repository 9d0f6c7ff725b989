drop table playground.notices;
drop domain playground.notice_state;
drop table playground.billing_tasks;
drop table playground.webhook_secrets;
drop table playground.stripe_events;
drop domain playground.event_state;
drop table playground.stripe_event_ids;
drop table playground.invoices;
drop table playground.revocations;
drop table playground.disputes;
drop table playground.refunds;
drop table playground.payments;
drop table playground.checkouts;
drop table playground.purchases;
drop domain playground.purchase_status;
drop table playground.stripe_prices;
drop table playground.customers;
drop table playground.stripe_ids;
drop domain playground.cents;
alter table playground.periods drop column paid_at, drop column invoice_id;
drop index playground.subscriptions_stripe_id_is_used_once;
drop index playground.subscriptions_one_live_per_account;
-- Plans of Stripe do not fit the tables of before; what they brought stays in the ledger.
alter table playground.subscriptions
  drop constraint subscriptions_by_hand_have_an_anchor,
  drop constraint subscriptions_of_stripe_have_its_id,
  drop constraint subscriptions_of_stripe_have_a_state;
update playground.subscriptions
set anchor = coalesce(anchor, created_at), period_end = coalesce(period_end, created_at),
  status = case when status = 'incomplete' then 'canceled' else status end,
  ended_at = case when status = 'incomplete' then created_at else ended_at end;
alter table playground.subscriptions
  drop column stripe_subscription_id,
  drop column suspend_at,
  drop column state_at,
  drop column state_period_start,
  drop column state_rank,
  drop column state_event_id,
  alter column anchor set not null,
  alter column period_end set not null;
create unique index subscriptions_one_live_per_account on playground.subscriptions (account_id) where ended_at is null;
alter table playground.grants drop column from_grant_id, drop column gift_id, drop column unavailable_until;
alter table playground.accounts drop column is_owing;
alter table playground.platform_settings
  drop column purchases_per_minute,
  drop column signature_tolerance,
  drop column webhook_secret_overlap,
  drop column stripe_key_lifetime,
  drop column second_subscription_delay,
  drop column parked_alert_after,
  drop column gift_age,
  drop column gift_patience,
  drop column gifts_per_day,
  drop column code_attempts,
  drop column code_attempt_window,
  drop column expiry_notice,
  drop column organizations_per_person;
