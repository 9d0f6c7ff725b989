-- depends: 0005_activity
-- Money that comes in, and what it brings. Rows of a payer begin with the account; what must be unique across accounts
-- (Stripe's ids, event ids) lies in look-ups of its own.
--
-- What is altered is small: settings are one row, and before this migration the plans are the few that operators set by hand.
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation, require-concurrent-index-deletion, ban-drop-not-null

alter table playground.platform_settings
  add column purchases_per_minute integer not null default 3,
  add column signature_tolerance interval not null default interval '300 seconds',
  add column webhook_secret_overlap interval not null default interval '24 hours',
  add column stripe_key_lifetime interval not null default interval '23 hours',
  add column second_subscription_delay interval not null default interval '5 minutes',
  add column parked_alert_after interval not null default interval '15 minutes',
  add column gift_age interval not null default interval '14 days',
  add column gift_patience interval not null default interval '30 days',
  add column gifts_per_day integer not null default 20,
  add column code_attempts integer not null default 10,
  add column code_attempt_window interval not null default interval '1 hour',
  add column expiry_notice interval not null default interval '3 days',
  add column organizations_per_person integer not null default 10,
  add constraint platform_settings_purchases_are_possible check (purchases_per_minute > 0 and gifts_per_day > 0 and organizations_per_person > 0),
  add constraint platform_settings_codes_are_possible check (code_attempts > 0 and code_attempt_window > interval '0'),
  add constraint platform_settings_waits_are_not_negative check (
    signature_tolerance > interval '0' and webhook_secret_overlap >= interval '0' and stripe_key_lifetime > interval '0'
    and second_subscription_delay >= interval '0' and parked_alert_after >= interval '0'
    and gift_age >= interval '0' and gift_patience > interval '0' and expiry_notice >= interval '0');
comment on column playground.platform_settings.purchases_per_minute is 'Purchases one person may begin in a minute.';
comment on column playground.platform_settings.signature_tolerance is 'How far the time of a webhook''s signature may lie from ours, before or after.';
comment on column playground.platform_settings.webhook_secret_overlap is 'How long a webhook secret is still taken after another one of the same name replaced it.';
comment on column playground.platform_settings.stripe_key_lifetime is 'How long Stripe is trusted to remember an idempotency key (it keeps them about 24 hours); older unfinished rows are searched there first.';
comment on column playground.platform_settings.second_subscription_delay is 'How long a second live subscription waits for news of the first before it is cancelled and refunded.';
comment on column playground.platform_settings.parked_alert_after is 'How long an event that came early may wait before operators hear of it.';
comment on column playground.platform_settings.gift_age is 'How old bought credits must be to be given away.';
comment on column playground.platform_settings.gift_patience is 'How long a gift waits for somebody who is not registered before it returns.';
comment on column playground.platform_settings.code_attempts is 'Wrong promo codes a person, and an address, may try within code_attempt_window.';
comment on column playground.platform_settings.expiry_notice is 'How long before credits expire their owner is told.';

create domain playground.cents as bigint
  constraint cents_are_not_negative check (value >= 0);
comment on domain playground.cents is 'An amount of money in the smallest unit of its currency. A domain, not a table check: evaluated only where the column is written.';

-- Hot rows grow columns that have no index.
alter table playground.accounts add column is_owing boolean not null default false;
comment on column playground.accounts.is_owing is 'A refund or dispute is still owed credits or cost budget by this account: what comes back or is bought next pays it first.';
alter table playground.grants
  add column from_grant_id bigint,
  add column gift_id uuid,
  add column unavailable_until timestamptz;
comment on column playground.grants.purchase_id is 'The purchase that paid for these credits, also after they were given away.';
comment on column playground.grants.from_grant_id is 'The grant whose unused credits rolled over into this one.';
comment on column playground.grants.gift_id is 'The gift that brought these credits.';
comment on column playground.grants.unavailable_until is 'Until then credits of this grant were suspended or expired, and have come back since; null when that never happened.';

-- Plans of Stripe begin without a confirmed period, and an incomplete one has not begun at all.
drop index playground.subscriptions_one_live_per_account;
create unique index subscriptions_one_live_per_account on playground.subscriptions (account_id) where ended_at is null and status <> 'incomplete';
alter table playground.subscriptions
  alter column anchor drop not null,
  alter column period_end drop not null,
  add column stripe_subscription_id text,
  add column suspend_at timestamptz,
  add column state_at timestamptz,
  add column state_period_start timestamptz,
  add column state_rank integer,
  add column state_event_id text,
  add constraint subscriptions_by_hand_have_an_anchor check (source <> 'operator' or (anchor is not null and period_end is not null)),
  add constraint subscriptions_of_stripe_have_its_id check ((source = 'stripe') = (stripe_subscription_id is not null)),
  add constraint subscriptions_of_stripe_have_a_state check ((source = 'stripe') = (state_at is not null));
create unique index subscriptions_stripe_id_is_used_once on playground.subscriptions (account_id, stripe_subscription_id) where stripe_subscription_id is not null;
comment on column playground.subscriptions.suspend_at is 'Past due: when the grace credits of the ended period are to be suspended.';
comment on column playground.subscriptions.state_at is 'When Stripe made the event that this state comes from; with state_period_start, state_rank and state_event_id it decides which of two events is newer.';

alter table playground.periods add column paid_at timestamptz, add column invoice_id text;
comment on column playground.periods.paid_at is 'When Stripe says the invoice of this period was paid; null for a plan set by hand.';

create table playground.stripe_ids (
  stripe_id text not null,
  kind text not null,
  account_id uuid not null,
  constraint stripe_ids_pkey primary key (stripe_id),
  constraint stripe_ids_kind_is_known check (kind in ('customer', 'payment_intent', 'invoice', 'subscription', 'refused_payment', 'refused_subscription', 'other_payment'))
);
comment on table playground.stripe_ids is 'Look-up: the account that an object of Stripe belongs to. refused: a payment or subscription that is one too many and is given back; other_payment: one that buys neither a pack nor a period.';

create table playground.customers (
  account_id uuid not null,
  customer_id text,
  requested_at timestamptz not null,
  constraint customers_pkey primary key (account_id),
  constraint customers_belong_to_an_account foreign key (account_id) references playground.accounts
);
comment on table playground.customers is 'The one Stripe customer of a payer. Written before Stripe is asked: two who ask at once ask with one key.';

create table playground.stripe_prices (
  stripe_price_id text not null,
  plan_price text,
  pack text,
  amount_cents playground.cents not null,
  currency text not null,
  is_current boolean not null,
  set_at timestamptz not null,
  constraint stripe_prices_pkey primary key (stripe_price_id),
  constraint stripe_prices_of_plans foreign key (plan_price) references playground.plan_prices,
  constraint stripe_prices_of_packs foreign key (pack) references playground.packs,
  constraint stripe_prices_are_of_a_plan_or_a_pack check (num_nonnulls(plan_price, pack) = 1)
);
create unique index stripe_prices_one_current_per_plan on playground.stripe_prices (plan_price) where is_current;
create unique index stripe_prices_one_current_per_pack on playground.stripe_prices (pack) where is_current;
comment on table playground.stripe_prices is 'Stripe''s ids of our prices. A replaced one stays valid for the subscriptions that run on it.';
comment on column playground.stripe_prices.amount_cents is 'What Stripe charges for it, in cents of currency.';

create domain playground.purchase_status as text
  constraint purchase_status_is_known check (value in ('started', 'pending', 'failed', 'succeeded'));
create table playground.purchases (
  account_id uuid not null,
  purchase_id uuid not null,
  user_id uuid not null,
  pack text not null,
  pack_name text not null,
  credits playground.credits not null,
  price_cents playground.cents not null,
  currency text not null,
  cost_share numeric(5, 4) not null,
  status playground.purchase_status not null,
  idempotency_key text,
  checkout_id uuid,
  payment_intent_id text,
  failed_at timestamptz,
  failure_code text,
  failure_message text,
  number bigint,
  requested_at timestamptz not null,
  succeeded_at timestamptz,
  constraint purchases_pkey primary key (account_id, purchase_id),
  constraint purchases_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint purchases_are_of_a_pack foreign key (pack) references playground.packs,
  constraint purchases_succeed_with_a_payment_and_a_line check (num_nulls(succeeded_at, number, payment_intent_id) = 0 or status <> 'succeeded')
);
create index purchases_by_time on playground.purchases (account_id, requested_at);
comment on table playground.purchases is 'Packs people set out to buy: written before Stripe hears of it. started: Stripe was not heard yet; pending: waits to be paid. Credits and price are those of that moment.';
comment on column playground.purchases.credits is 'Credits the pack brings.';
comment on column playground.purchases.price_cents is 'Price in cents of currency.';
comment on column playground.purchases.cost_share is 'US dollars of API cost budget per US dollar paid.';
comment on column playground.purchases.checkout_id is 'The page of Stripe on which it can be paid, when there is one.';
comment on column playground.purchases.number is 'The transaction that brought the credits.';

create table playground.checkouts (
  account_id uuid not null,
  checkout_id uuid not null,
  user_id uuid not null,
  purchase_id uuid,
  plan_price text,
  success_url text not null,
  cancel_url text not null,
  checkout_session_id text,
  url text,
  status text not null,
  requested_at timestamptz not null,
  expires_at timestamptz,
  ended_at timestamptz,
  constraint checkouts_pkey primary key (account_id, checkout_id),
  constraint checkouts_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint checkouts_of_a_purchase foreign key (account_id, purchase_id) references playground.purchases,
  constraint checkouts_of_a_plan foreign key (plan_price) references playground.plan_prices,
  constraint checkouts_sell_one_thing check (num_nonnulls(purchase_id, plan_price) = 1),
  constraint checkouts_status_is_known check (status in ('started', 'open', 'completed', 'expired')),
  constraint checkouts_open_ones_have_an_address check (status <> 'open' or (checkout_session_id is not null and url is not null))
);
create index checkouts_by_time on playground.checkouts (account_id, requested_at);
comment on table playground.checkouts is 'Pages of Stripe that people were sent to, for a pack or a plan.';

create table playground.payments (
  account_id uuid not null,
  payment_intent_id text not null,
  purchase_id uuid,
  invoice_id text,
  currency text not null,
  paid_cents playground.cents,
  paid_at timestamptz,
  charge_id text,
  receipt_url text,
  reported_refunded_cents playground.cents not null default 0,
  reported_at timestamptz,
  refunded_cents playground.cents not null default 0,
  disputed_cents playground.cents not null default 0,
  lost_cents playground.cents not null default 0,
  credits playground.credits not null default 0,
  owed playground.credits not null default 0,
  taken playground.credits not null default 0,
  revoke_due playground.credits not null default 0,
  shortfall playground.credits not null default 0,
  suspended playground.credits not null default 0,
  budget_granted_usd playground.usd not null default 0,
  budget_usd playground.usd not null default 0,
  budget_due_usd playground.usd not null default 0,
  constraint payments_pkey primary key (account_id, payment_intent_id),
  constraint payments_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint payments_of_a_purchase foreign key (account_id, purchase_id) references playground.purchases,
  constraint payments_revoke_at_most_what_was_bought check (owed + suspended <= credits and taken <= owed),
  constraint payments_budget_is_what_was_granted check (budget_usd <= budget_granted_usd)
);
create unique index payments_one_per_invoice on playground.payments (account_id, invoice_id) where invoice_id is not null;
create index payments_of_purchases on playground.payments (account_id, purchase_id) where purchase_id is not null;
comment on table playground.payments is 'Money that came in for a purchase or an invoice, what was given back of it, and what that revokes. Owed = floor(credits x min(paid, refunded + disputed and not won) / paid).';
comment on column playground.payments.paid_cents is 'Paid, in cents of currency; null until Stripe said so.';
comment on column playground.payments.reported_refunded_cents is 'amount_refunded of the newest charge that Stripe sent, in cents; reported_at: when that event was made.';
comment on column playground.payments.refunded_cents is 'Given back, in cents: reported, less refunds that failed or were cancelled since, plus those made since.';
comment on column playground.payments.disputed_cents is 'In open disputes, in cents.';
comment on column playground.payments.lost_cents is 'In lost disputes, in cents.';
comment on column playground.payments.credits is 'Credits the payment brought.';
comment on column playground.payments.owed is 'Credits that refunds and lost disputes revoke.';
comment on column playground.payments.taken is 'Credits of owed that were taken back so far, from this account and from those who were given some.';
comment on column playground.payments.revoke_due is 'Credits of owed that open holds still have: taken first from what these return.';
comment on column playground.payments.shortfall is 'Credits of owed that nothing is left to take from: the next bought credits pay them.';
comment on column playground.payments.suspended is 'Credits that open disputes suspend, where they are left.';
comment on column playground.payments.budget_granted_usd is 'API cost budget (US dollars) the payment brought.';
comment on column playground.payments.budget_usd is 'API cost budget (US dollars) the account has, or had, of this payment: granted less taken back.';
comment on column playground.payments.budget_due_usd is 'API cost budget (US dollars) that should be taken back and was drawn or is held.';

create table playground.refunds (
  account_id uuid not null,
  refund_id text not null,
  payment_intent_id text not null,
  amount_cents playground.cents not null,
  status text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  event_id text not null,
  constraint refunds_pkey primary key (account_id, refund_id),
  constraint refunds_are_of_a_payment foreign key (account_id, payment_intent_id) references playground.payments
);
create index refunds_by_payment on playground.refunds (account_id, payment_intent_id);
comment on table playground.refunds is 'Refunds as the newest event says. changed_at: when Stripe made that event.';
comment on column playground.refunds.amount_cents is 'Amount in cents of the payment''s currency.';

create table playground.disputes (
  account_id uuid not null,
  dispute_id text not null,
  payment_intent_id text not null,
  amount_cents playground.cents not null,
  status text not null,
  changed_at timestamptz not null,
  event_id text not null,
  constraint disputes_pkey primary key (account_id, dispute_id),
  constraint disputes_are_of_a_payment foreign key (account_id, payment_intent_id) references playground.payments
);
create index disputes_by_payment on playground.disputes (account_id, payment_intent_id);
comment on table playground.disputes is 'Disputes as the newest event says. changed_at: when Stripe made that event.';
comment on column playground.disputes.amount_cents is 'Disputed amount in cents of the payment''s currency.';

create table playground.revocations (
  account_id uuid not null,
  payment_intent_id text not null,
  grant_id bigint not null,
  credits playground.credits not null,
  constraint revocations_pkey primary key (account_id, payment_intent_id, grant_id),
  constraint revocations_are_of_a_payment foreign key (account_id, payment_intent_id) references playground.payments,
  constraint revocations_come_from_a_grant foreign key (account_id, grant_id) references playground.grants
);
comment on table playground.revocations is 'Where what a payment owes was taken from on its own account; a lower figure gives it back there.';
comment on column playground.revocations.credits is 'Credits taken from this grant and not given back.';

create table playground.invoices (
  account_id uuid not null,
  invoice_id text not null,
  subscription_id uuid not null,
  paid_cents playground.cents not null,
  currency text not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  paid_at timestamptz not null,
  constraint invoices_pkey primary key (account_id, invoice_id),
  constraint invoices_are_of_a_subscription foreign key (account_id, subscription_id) references playground.subscriptions
);
comment on table playground.invoices is 'Paid invoices of plan periods.';
comment on column playground.invoices.paid_cents is 'Paid, in cents of currency.';

create table playground.stripe_event_ids (
  event_id text not null,
  received_at timestamptz not null,
  constraint stripe_event_ids_pkey primary key (event_id)
);
comment on table playground.stripe_event_ids is 'Look-up: events received. Makes each count once.';

create domain playground.event_state as text
  constraint event_state_is_known check (value in ('handled', 'ignored', 'parked'));
create table playground.stripe_events (
  received_at timestamptz not null,
  event_id text not null,
  type text,
  created_at timestamptz,
  state playground.event_state not null,
  reason text,
  waits_for text,
  account_id uuid,
  attempts integer not null default 1,
  next_try_at timestamptz,
  handled_at timestamptz,
  payload bytea not null,
  constraint stripe_events_pkey primary key (received_at, event_id)
) partition by range (received_at);
create index stripe_events_parked on playground.stripe_events (next_try_at) where state = 'parked';
create index stripe_events_waiting on playground.stripe_events (waits_for) where state = 'parked' and waits_for is not null;
comment on table playground.stripe_events is 'Inbox of Stripe: raw bytes as they came, and what became of them. parked: kept with a reason, tried again by jobs.process_parked_events, by what it waits for, or by admin.replay_stripe_event.';
create table playground.stripe_events_default partition of playground.stripe_events default;

create table playground.webhook_secrets (
  secret_id uuid not null,
  name text not null,
  secret text not null,
  is_live_mode boolean not null,
  set_at timestamptz not null,
  expires_at timestamptz,
  constraint webhook_secrets_pkey primary key (secret_id),
  constraint webhook_secrets_secret_is_long check (octet_length(secret) >= 16)
);
create unique index webhook_secrets_one_current_per_name on playground.webhook_secrets (name) where expires_at is null;
comment on table playground.webhook_secrets is 'Secrets that Stripe signs webhooks with. Read by engine functions only: the gateway never sees them.';

create table playground.billing_tasks (
  account_id uuid not null,
  task_id uuid not null,
  kind text not null,
  stripe_id text not null,
  state text not null,
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  last_error text,
  constraint billing_tasks_pkey primary key (account_id, task_id),
  constraint billing_tasks_are_asked_once unique (account_id, kind, stripe_id),
  constraint billing_tasks_kind_is_known check (kind in ('cancel_payment_intent', 'expire_checkout_session', 'refund_payment_intent', 'cancel_and_refund_subscription')),
  constraint billing_tasks_state_is_known check (state in ('due', 'done', 'withdrawn', 'failed')),
  constraint billing_tasks_end_once check ((state = 'due') = (ended_at is null))
);
create index billing_tasks_due on playground.billing_tasks (next_try_at) where state = 'due';
comment on table playground.billing_tasks is 'What the gateway is to do at Stripe; task_id is Stripe''s idempotency key.';

create domain playground.notice_state as text
  constraint notice_state_is_known check (value in ('due', 'sent', 'failed'));
create table playground.notices (
  user_id uuid not null,
  notice_id uuid not null,
  kind text not null,
  subject text not null,
  email text,
  details jsonb not null,
  state playground.notice_state not null,
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  last_error text,
  constraint notices_pkey primary key (user_id, notice_id),
  constraint notices_are_written_once unique (user_id, kind, subject)
);
create index notices_due on playground.notices (next_try_at) where state = 'due';
comment on table playground.notices is 'Outbox of messages to people. email: the address of somebody who is not registered; otherwise the person''s own at the time of sending. notice_id is the message''s id, the same in each try.';
