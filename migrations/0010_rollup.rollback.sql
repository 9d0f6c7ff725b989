-- What the sums hold is in no queue any more: without them every call is new again.
delete from rollup.usage_changes;
insert into rollup.usage_changes
select u.account_id, u.user_id, u.reserved_at, u.model, u.tier, u.package_id, u.outcome, u.is_comparison, u.is_simulated, coalesce(h.is_new_session, false), 1,
  u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.tokens_beyond_hold, u.credits, u.cost_usd, u.budget_usd, coalesce(u.duration_ms, 0)
from playground.usage u
left join playground.holds h using (account_id, hold_id);
alter table rollup.ledger_changes reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor, autovacuum_analyze_threshold);
alter table rollup.usage_changes reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor, autovacuum_analyze_threshold);
drop table rollup.refreshes;
drop table rollup.package_totals;
drop table rollup.package_users;
drop table rollup.package_days;
drop table rollup.people_months;
drop table rollup.people_days;
drop table rollup.user_days;
drop table rollup.user_months;
drop table rollup.user_totals;
drop table rollup.usage_totals;
drop table rollup.usage_days;
