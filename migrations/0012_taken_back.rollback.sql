alter table rollup.usage_totals
  drop column taken_back_cost_usd,
  drop column taken_back_runs;
