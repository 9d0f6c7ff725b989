-- depends: 0003_packages
-- The ledger: never partitioned by time, never detached. Every key begins with the account.
-- Accounts and grants are hot: fillfactor 70 and no index on a column that a run changes, so that updates stay on their page (HOT).

-- Values of one column are domains: evaluated only where that column is written. Table checks say what holds between
-- columns that a run changes; each is read anew by every statement, so what never changes after INSERT is told by the
-- triggers of sql/engine/guards.sql instead.
create domain playground.account_kind as text
  constraint account_kind_is_known check (value in ('user', 'organization'));
create domain playground.bucket as text
  constraint bucket_is_known check (value in ('monthly', 'rollover', 'purchased'));
create domain playground.grant_source as text
  constraint grant_source_is_known check (value in ('signup', 'period', 'rollover', 'purchase', 'promo', 'gift', 'bonus', 'admin'));
create domain playground.hold_status as text
  constraint hold_status_is_known check (value in ('open', 'settled', 'released', 'expired'));
create domain playground.transaction_type as text
  constraint transaction_type_is_known check (
    value in ('signup', 'monthly', 'purchase', 'spend', 'rollover', 'expire', 'refund', 'bonus', 'admin', 'gift'));

create table playground.accounts (
  account_id uuid not null,
  kind playground.account_kind not null,
  last_number bigint not null default 0,
  last_balance playground.credits not null default 0,
  last_instant timestamptz not null,
  last_effective_at timestamptz not null,
  next_due_at timestamptz not null default 'infinity',
  cost_budget_usd playground.usd not null default 0,
  cost_budget_held_usd playground.usd not null default 0,
  created_at timestamptz not null,
  constraint accounts_pkey primary key (account_id),
  constraint accounts_budget_covers_its_holds check (cost_budget_held_usd <= cost_budget_usd)
) with (fillfactor = 70);
comment on table playground.accounts is 'Who pays. A person''s own account has the person''s id. Keeps only the tail of its own history, the next instant at which something falls due, and the bought API cost budget.';
comment on column playground.accounts.last_balance is 'balance_after of the last transaction, in credits: all that remains, held and suspended included.';
comment on column playground.accounts.last_instant is 'The latest instant a call took under this account''s lock; calls never take an earlier one.';
comment on column playground.accounts.next_due_at is 'Never later than the earliest expiry of a grant or hold, or end of a period; may be earlier. Touching the account after it catches the account up.';
comment on column playground.accounts.cost_budget_usd is 'API cost that bought credits have paid for and runs have not drawn, in US dollars.';
comment on column playground.accounts.cost_budget_held_usd is 'The part of cost_budget_usd that open holds have reserved.';

create sequence playground.grant_ids as bigint;

create table playground.subscriptions (
  account_id uuid not null,
  subscription_id uuid not null,
  plan_price text not null,
  source text not null,
  status text not null,
  anchor timestamptz not null,
  periods integer not null default 0,
  period_end timestamptz not null,
  ends_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null,
  constraint subscriptions_pkey primary key (account_id, subscription_id),
  constraint subscriptions_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint subscriptions_have_a_price foreign key (plan_price) references playground.plan_prices,
  constraint subscriptions_source_is_known check (source in ('operator', 'stripe')),
  constraint subscriptions_status_is_known check (status in ('incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'canceled')),
  constraint subscriptions_end_when_canceled check ((ended_at is not null) = (status = 'canceled')),
  constraint subscriptions_periods_is_not_negative check (periods >= 0)
);
comment on table playground.subscriptions is 'Plans people have. anchor: where the months are counted from; periods: how many of them have begun up to period_end; ends_at: cancelling at that instant.';
create unique index subscriptions_one_live_per_account on playground.subscriptions (account_id) where ended_at is null;
create index subscriptions_by_period_end on playground.subscriptions (period_end) where ended_at is null;

create table playground.grants (
  account_id uuid not null,
  grant_id bigint not null default nextval('playground.grant_ids'),
  bucket playground.bucket not null,
  source playground.grant_source not null,
  granted playground.credits not null,
  remaining playground.credits not null,
  held playground.credits not null default 0,
  suspended playground.credits not null default 0,
  expires_at timestamptz,
  expired_at timestamptz,
  granted_at timestamptz not null,
  last_number bigint not null,
  subscription_id uuid,
  purchase_id uuid,
  constraint grants_pkey primary key (account_id, grant_id),
  constraint grants_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint grants_belong_to_its_subscription foreign key (account_id, subscription_id) references playground.subscriptions,
  constraint grants_held_and_suspended_are_covered check (held <= remaining and suspended <= remaining and remaining <= granted)
) with (fillfactor = 70);
comment on table playground.grants is 'Lots of credits. remaining includes held and suspended ones. expired_at: when the expiry was posted; what a hold gives back afterwards expires at once.';
comment on column playground.grants.granted is 'Credits of the lot when it was made.';
comment on column playground.grants.remaining is 'Credits of the lot that are left, held and suspended ones included.';
comment on column playground.grants.held is 'Credits of remaining that open holds have reserved.';
comment on column playground.grants.suspended is 'Credits of remaining that cannot be spent for now.';
comment on column playground.grants.last_number is 'The transaction that last changed remaining.';
create index grants_by_expiry on playground.grants (expires_at) where expired_at is null and expires_at is not null;

create table playground.periods (
  account_id uuid not null,
  subscription_id uuid not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  number integer not null,
  grant_id bigint,
  confirmed_at timestamptz not null,
  constraint periods_pkey primary key (account_id, subscription_id, period_start),
  constraint periods_belong_to_a_subscription foreign key (account_id, subscription_id) references playground.subscriptions,
  constraint periods_grant_is_of_the_account foreign key (account_id, grant_id) references playground.grants,
  constraint periods_end_after_they_start check (period_end > period_start)
);
comment on table playground.periods is 'Confirmed plan periods, half-open; each is granted once. grant_id is null only for a plan without credits.';

create table playground.holds (
  account_id uuid not null,
  hold_id uuid not null,
  user_id uuid not null,
  status playground.hold_status not null,
  credits playground.credits not null,
  charged playground.credits,
  spend_number bigint,
  outcome text,
  tier text not null,
  model text not null,
  price_effective_from timestamptz not null,
  multiplier numeric(14, 6) not null,
  tokens_per_credit integer not null,
  input_tokens_estimated integer not null,
  max_output_tokens integer not null,
  cost_held_usd playground.usd not null,
  budget_held_usd playground.usd not null,
  package_id uuid not null,
  package_version text not null,
  is_comparison boolean not null,
  is_custom_prompt boolean not null,
  session_id uuid not null,
  is_new_session boolean not null,
  idempotency_key text,
  reserved_at timestamptz not null,
  expires_at timestamptz not null,
  closed_at timestamptz,
  constraint holds_pkey primary key (account_id, hold_id),
  constraint holds_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint holds_charge_comes_with_settlement check ((charged is not null) = (status = 'settled')),
  constraint holds_charge_is_covered check (charged <= credits),
  constraint holds_end_once check ((status = 'open') = (closed_at is null))
);
comment on table playground.holds is 'Credits and API cost reserved for one run, with everything its price depends on. user_id acts, account_id pays. No foreign key to model_prices: each run would lock that one row (its price is append-only instead).';
comment on column playground.holds.credits is 'Credits reserved; the run is never charged more.';
comment on column playground.holds.charged is 'Credits charged by settling; null until then.';
comment on column playground.holds.cost_held_usd is 'Highest API cost of the run in US dollars, counted against the limits while the hold is open.';
comment on column playground.holds.budget_held_usd is 'The part of cost_held_usd reserved from the bought cost budget.';
create index holds_open on playground.holds (account_id, expires_at) where status = 'open';

create table playground.hold_parts (
  account_id uuid not null,
  hold_id uuid not null,
  position integer not null,
  grant_id bigint not null,
  credits playground.credits not null,
  constraint hold_parts_pkey primary key (account_id, hold_id, position),
  constraint hold_parts_belong_to_a_hold foreign key (account_id, hold_id) references playground.holds,
  constraint hold_parts_come_from_a_grant foreign key (account_id, grant_id) references playground.grants,
  constraint hold_parts_are_positive check (credits > 0)
);
comment on table playground.hold_parts is 'Which grants a hold took its credits from, in burn order: the charge is spent in the same order.';
comment on column playground.hold_parts.credits is 'Credits taken from this grant.';

create table playground.transactions (
  account_id uuid not null,
  number bigint not null,
  type playground.transaction_type not null,
  amount bigint not null,
  balance_after playground.credits not null,
  description text not null,
  metadata jsonb,
  user_id uuid,
  hold_id uuid,
  session_id uuid,
  purchase_id uuid,
  posted_at timestamptz not null,
  effective_at timestamptz not null,
  constraint transactions_pkey primary key (account_id, number),
  constraint transactions_belong_to_an_account foreign key (account_id) references playground.accounts
);
comment on table playground.transactions is 'The credit history: append-only, numbered without gaps per account. posted_at: when it was written; effective_at: when the rule fell due, never decreasing by number.';
comment on column playground.transactions.amount is 'Credits that came (positive) or went (negative).';
comment on column playground.transactions.balance_after is 'Balance of the account in credits after this line.';

create table playground.transaction_parts (
  account_id uuid not null,
  number bigint not null,
  grant_id bigint not null,
  amount bigint not null,
  constraint transaction_parts_pkey primary key (account_id, number, grant_id),
  constraint transaction_parts_belong_to_a_transaction foreign key (account_id, number) references playground.transactions,
  constraint transaction_parts_touch_a_grant foreign key (account_id, grant_id) references playground.grants,
  constraint transaction_parts_change_something check (amount <> 0)
);
comment on table playground.transaction_parts is 'Which grants a transaction touched, and by how much; append-only.';
comment on column playground.transaction_parts.amount is 'Credits by which remaining of the grant changed.';
create index transaction_parts_by_grant on playground.transaction_parts (account_id, grant_id);
