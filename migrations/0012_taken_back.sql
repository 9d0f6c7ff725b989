-- depends: 0011_ledger_rollup
-- What a counter of /metrics needs to never fall.

alter table rollup.usage_totals
  add column taken_back_runs bigint not null default 0,
  add column taken_back_cost_usd numeric(30, 12) not null default 0;
comment on column rollup.usage_totals.taken_back_runs is 'Runs that were counted here once and taken back by a correction: runs + taken_back_runs never falls.';
comment on column rollup.usage_totals.taken_back_cost_usd is 'What these had been thought to cost, in US dollars: cost_usd + taken_back_cost_usd never falls.';
