-- depends: 0010_rollup
-- What the analysts' figures on credits and money are made from: sums of the credit history, each line added once.
--
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion, prefer-robust-stmts

create table rollup.line_months (
  month timestamptz not null,
  type text not null,
  lines bigint not null,
  amount bigint not null,
  constraint line_months_pkey primary key (month, type)
) with (fillfactor = 70);
comment on table rollup.line_months is 'Lines of the credit history by calendar month (UTC) of effective_at and type: what shows that each line was added once.';
comment on column rollup.line_months.amount is 'Credits that came, less those that went.';

create table rollup.credit_months (
  month timestamptz not null,
  kind text not null,
  source text not null,
  bucket text not null,
  currency text not null,
  credits_in bigint not null,
  credits_out bigint not null,
  value_in numeric(30, 12) not null,
  value_out numeric(30, 12) not null,
  paid numeric(20, 2) not null,
  constraint credit_months_pkey primary key (month, kind, source, bucket, currency)
) with (fillfactor = 70);
comment on table rollup.credit_months is 'What came to and went from lots of credits by calendar month (UTC) of effective_at: kind is the type of the line, or restore for monthly credits that had expired and came back; source and bucket are the lot''s. A rollover is out of one lot and in to another.';
comment on column rollup.credit_months.currency is 'Of the money that was paid for the lot; none: nobody paid for it.';
comment on column rollup.credit_months.credits_in is 'Credits that came.';
comment on column rollup.credit_months.credits_out is 'Credits that went, as a positive number.';
comment on column rollup.credit_months.value_in is 'What was paid for credits_in: each at the price of its lot, rounded once to 12 places. In currency: cents / 100.';
comment on column rollup.credit_months.value_out is 'The same of credits_out.';
comment on column rollup.credit_months.paid is 'Money that brought the lots which began here, in currency: cents / 100. Differs from value_in by the rounding of prices.';

create table rollup.revenue_days (
  day timestamptz not null,
  model text not null,
  tier text not null,
  credits bigint not null,
  revenue_usd numeric(30, 12) not null,
  constraint revenue_days_pkey primary key (day, model, tier)
) with (fillfactor = 70);
comment on table rollup.revenue_days is 'Credits charged for runs by UTC day on which the run began, model and tier.';
comment on column rollup.revenue_days.credits is 'Credits charged.';
comment on column rollup.revenue_days.revenue_usd is 'What was paid for them, in US dollars: each credit at the price of its lot; free ones, and those paid in another currency, count nothing.';

-- A gift's credits are worth what its giver paid, on another account.
create index purchases_by_id on playground.purchases (purchase_id);
