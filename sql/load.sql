-- The table of contents of what the database does. Run by scripts/migrate on every deploy, whole, in one transaction.
--
-- How a run flows
--   gateway   select * from api.reserve_run(…)      account locked and caught up; price, limits and credits decide; a hold
--   gateway   the model answers                     no transaction is open, no connection is held
--   gateway   select * from api.settle_run(…)       charge, transaction, usage, windows, messages; the rest of the hold back
--             or api.release_run(…)                 nothing is charged
--   pg_cron   jobs.expire_holds                     the gateway died: the hold is freed, here or by the next call
--
-- Who may call what (privileges.sql grants it)
--   scrip_gateway   api         functions           one file = one function = one step of one endpoint
--   scrip_cron      jobs        functions           one file = one job; jobs/schedule.sql is the whole crontab
--   scrip_operator  admin       functions, views    and analytics; every change leaves an audit row
--   scrip_analyst   analytics   views
--   nobody          engine      private rules, called by the doors above
--   nobody          playground  tables, made by migrations
--
-- A door runs as the owner, with `search_path = pg_catalog, pg_temp`: were pg_temp not named, and last, it would be searched
-- first, and a caller's temporary type called `text` would run the caller's code as the owner.
--
-- Nothing is dropped and made again: `create or replace` disturbs no running call. What has no file any more is swept.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?code_version}
\else
  \warn 'load.sql: the variable code_version is missing; run scripts/migrate'
  select 1 / 0 as code_version_is_missing;
\endif

begin;
set local client_min_messages = warning;
-- Files may call one another in any order; plpgsql_check reads the bodies in scripts/check.
set local check_function_bodies = off;
-- Whatever the session of who deploys has set: literals and names are read here as they are written.
set local standard_conforming_strings = on;
set local quote_all_identifiers = off;
set local timezone = 'UTC';
set local role scrip_owner;
set local search_path = '';
-- Two loads at once would fail on each other's catalog rows; the second waits here, and only here, for longer.
set local lock_timeout = '60s';
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('scrip load')) \g /dev/null
set local lock_timeout = '2s';
-- sweep.sql tells by this what the load has written.
select pg_catalog.set_config('scrip.load_started_at', pg_catalog.pg_current_xact_id()::text, true) \g /dev/null

create schema if not exists engine;
comment on schema engine is 'Private rules; the only code that writes playground. Called by the doors, never from outside.';
create schema if not exists api;
comment on schema api is 'Door of the gateway (scrip_gateway): one function is one step of one endpoint.';
create schema if not exists jobs;
comment on schema jobs is 'Door of the scheduler (scrip_cron): one function is one job.';
create schema if not exists admin;
comment on schema admin is 'Door of operators (scrip_operator): audited functions, and the views their runbooks read.';
create schema if not exists analytics;
comment on schema analytics is 'Door of analysts (scrip_analyst): views.';

-- engine: the rules
\ir engine/refuse.sql
\ir engine/refusals.sql
\ir engine/format.sql
\ir engine/clock.sql
\ir engine/audit.sql
\ir engine/settings.sql
\ir engine/stripe_settings.sql
\ir engine/accounts.sql
\ir engine/pricing.sql
\ir engine/price_book.sql
\ir engine/packages.sql
\ir engine/alerts.sql
\ir engine/crontab.sql
\ir engine/limits.sql
\ir engine/providers.sql
\ir engine/replays.sql
\ir engine/standings.sql
\ir engine/people.sql
\ir engine/organizations.sql
\ir engine/signup.sql
\ir engine/ledger.sql
\ir engine/holds.sql
\ir engine/periods.sql
\ir engine/due.sql
\ir engine/partitions.sql
\ir engine/retention.sql
\ir engine/catch_up.sql
\ir engine/answers.sql
\ir engine/sessions.sql
\ir engine/usage.sql
\ir engine/explanations.sql
\ir engine/repricing.sql
\ir engine/health.sql
\ir engine/history.sql
\ir engine/verification.sql
\ir engine/quotes.sql
\ir engine/runs.sql
\ir engine/notices.sql
\ir engine/billing.sql
\ir engine/gifts.sql
\ir engine/gift_revocations.sql
\ir engine/gift_steps.sql
\ir engine/promo_codes.sql
\ir engine/request_limits.sql
\ir engine/verification_of_gifts.sql
\ir engine/plans.sql
\ir engine/stripe_objects.sql
\ir engine/stripe_signatures.sql
\ir engine/tokens.sql
\ir engine/admins.sql
\ir engine/stripe_events.sql
\ir engine/purchases.sql
\ir engine/checkouts.sql
\ir engine/payments.sql
\ir engine/refunds.sql
\ir engine/disputes.sql
\ir engine/revocations.sql
\ir engine/subscriptions.sql
\ir engine/invoices.sql
\ir engine/renewals.sql
\ir engine/verification_of_money.sql
\ir engine/ledger_rollup.sql
\ir engine/verification_of_rollups.sql
\ir engine/money_flows.sql
\ir engine/rollup.sql
\ir engine/metrics.sql
\ir engine/analytics.sql
\ir engine/runbook.sql

-- analytics: the analysts' door. Each file makes a view …_new; those that differ from what is in use take its place. Before the
-- other doors: what reads a view that was replaced is made anew below.
\ir analytics/daily_usage.sql
\ir analytics/engagement.sql
\ir analytics/model_margin.sql
\ir analytics/package_usage.sql
\ir analytics/user_cost_analytics.sql
\ir analytics/credit_flow.sql
\ir analytics/deferred_revenue.sql
\ir analytics/revenue.sql
\ir analytics/conversion.sql
\ir analytics/cohorts.sql
\ir analytics/expiring_credits.sql
\ir analytics/webhooks.sql
select engine.build_analytics() \g /dev/null

-- api: the gateway's door
\ir api/acknowledge_alert.sql
\ir api/add_member.sql
\ir api/authenticate_api_key.sql
\ir api/claim_alerts.sql
\ir api/claim_billing_tasks.sql
\ir api/claim_notices.sql
\ir api/count_request.sql
\ir api/create_api_key.sql
\ir api/create_organization.sql
\ir api/delete_api_key.sql
\ir api/delete_session.sql
\ir api/end_user_limit.sql
\ir api/estimate_run.sql
\ir api/expire_credits.sql
\ir api/find_subscription.sql
\ir api/finish_alert.sql
\ir api/finish_billing_task.sql
\ir api/finish_notice.sql
\ir api/get_balance.sql
\ir api/get_cost_summary.sql
\ir api/get_credentials.sql
\ir api/get_health.sql
\ir api/get_margin.sql
\ir api/get_metrics.sql
\ir api/get_organization.sql
\ir api/get_package.sql
\ir api/get_pricing.sql
\ir api/get_session.sql
\ir api/get_subscription.sql
\ir api/get_user.sql
\ir api/get_user_costs.sql
\ir api/grant_user_credits.sql
\ir api/list_alerts.sql
\ir api/list_api_keys.sql
\ir api/list_audit.sql
\ir api/list_limits.sql
\ir api/list_models.sql
\ir api/list_packages.sql
\ir api/list_packs.sql
\ir api/list_purchases.sql
\ir api/list_sessions.sql
\ir api/list_transactions.sql
\ir api/list_transactions_csv.sql
\ir api/list_user_costs.sql
\ir api/process_gift_steps.sql
\ir api/process_monthly_reset.sql
\ir api/record_checkout.sql
\ir api/record_customer.sql
\ir api/record_login.sql
\ir api/record_logout.sql
\ir api/record_purchase.sql
\ir api/record_stripe_event.sql
\ir api/redeem_code.sql
\ir api/refresh_analytics.sql
\ir api/refresh_login.sql
\ir api/register_user.sql
\ir api/release_run.sql
\ir api/remove_member.sql
\ir api/reprice.sql
\ir api/reserve_run.sql
\ir api/send_gift.sql
\ir api/set_cost_cap.sql
\ir api/set_limits.sql
\ir api/set_user_limit.sql
\ir api/settle_run.sql
\ir api/start_checkout.sql
\ir api/start_purchase.sql
\ir api/throttle_user.sql
\ir api/unthrottle_user.sql

-- jobs: the scheduler's door
\ir jobs/drain.sql
\ir jobs/beat.sql
\ir jobs/create_partitions.sql
\ir jobs/expire_holds.sql
\ir jobs/expire_rollover_credits.sql
\ir jobs/list_job_runs.sql
\ir jobs/set_jobs_active.sql
\ir jobs/process_gifts.sql
\ir jobs/process_monthly_reset.sql
\ir jobs/process_parked_events.sql
\ir jobs/purge.sql
\ir jobs/retire_partitions.sql
\ir jobs/refresh_analytics.sql
\ir jobs/roll_up.sql
\ir jobs/verify_ledger.sql
\ir jobs/watch_platform.sql
\ir jobs/write_expiry_notices.sql

-- admin: the operators' door
\ir admin/import_package.sql
\ir admin/list_jobs.sql
\ir admin/acknowledge_alert.sql
\ir admin/alert_deliveries.sql
\ir admin/balance_at.sql
\ir admin/check_and_throttle_user.sql
\ir admin/create_operator.sql
\ir admin/create_organization.sql
\ir admin/create_promo_code.sql
\ir admin/dismiss_stripe_event.sql
\ir admin/accept_stripe_event.sql
\ir admin/delete_user.sql
\ir admin/end_plan.sql
\ir admin/end_promo_code.sql
\ir admin/end_user_limit.sql
\ir admin/explain_refusal.sql
\ir admin/explain_charge.sql
\ir admin/find_user.sql
\ir admin/forget_customer.sql
\ir admin/health.sql
\ir admin/help.sql
\ir admin/grant_credits.sql
\ir admin/reconcile_provider_bill.sql
\ir admin/reconcile_stripe_object.sql
\ir admin/preview_limits.sql
\ir admin/refresh_analytics.sql
\ir admin/refresh_user_cost_analytics.sql
\ir admin/replay_stripe_event.sql
\ir admin/reprice.sql
\ir admin/set_limits.sql
\ir admin/reset_monthly_api_costs.sql
\ir admin/set_admin.sql
\ir admin/set_jobs_active.sql
\ir admin/set_member.sql
\ir admin/set_model_enabled.sql
\ir admin/set_model_price.sql
\ir admin/set_multiplier.sql
\ir admin/set_pack_price.sql
\ir admin/set_plan.sql
\ir admin/set_plan_price.sql
\ir admin/set_provider_ceiling.sql
\ir admin/set_provider_enabled.sql
\ir admin/set_request_limit.sql
\ir admin/set_setting.sql
\ir admin/set_token_secret.sql
\ir admin/set_unlimited.sql
\ir admin/set_user_limit.sql
\ir admin/set_webhook_secret.sql
\ir admin/throttle.sql
\ir admin/unthrottle.sql
\ir admin/verify_author.sql
\ir admin/verify_ledger.sql
\ir admin/verify_organization.sql

\ir admin/stripe_events.sql
\ir admin/alerts.sql
\ir admin/audit_log.sql
\ir admin/billing_tasks.sql
\ir admin/jobs.sql
\ir admin/models.sql
\ir admin/notices.sql
\ir admin/providers.sql
\ir admin/settings.sql
\ir admin/tiers.sql
\ir admin/user_limits.sql
\ir admin/cost_limits_config.sql
\ir admin/users.sql
\ir admin/organizations.sql
\ir admin/organization_members.sql
\ir admin/playground_sessions.sql
\ir admin/playground_usage.sql
\ir admin/playground_credits.sql
\ir admin/playground_credit_transactions.sql
\ir admin/playground_credit_purchases.sql
\ir admin/user_cost_alerts.sql
\ir admin/user_cost_analytics.sql
\ir admin/request_limits.sql

-- guards of the tables, then what has no file any more, then who may do what, then the crontab
\ir engine/guards.sql
\ir sweep.sql
\ir doors.sql
\ir privileges.sql
\ir jobs/schedule.sql

update playground.platform_state
set code_version = :'code_version', loaded_at = engine.now()
where code_version is distinct from :'code_version';

commit;

-- Apart from the load: a new partition locks the default one for a moment, the load's locks last until its end.
set role scrip_owner;
set lock_timeout = '2s';
set search_path = '';
call jobs.drain('create_partitions');

-- pg_cron's launcher hears of changed jobs by the messages that invalidate caches. A load sends more of them than the server
-- keeps: the launcher is then told that everything changed, which pg_cron 1.4 does not take for its jobs, and it goes on with
-- those of before, on a new database with none. So a job is touched again once the launcher, which looks every second, is
-- past that.
select coalesce(pg_catalog.current_setting('scrip.crontab_changed', true), 'off') as crontab_changed \gset
\if :crontab_changed
  select pg_catalog.pg_sleep(2.5) \g /dev/null
  set role scrip_cron;
  select cron.schedule(jobname, schedule, command) from cron.job where username = current_user and jobname = 'beat' \g /dev/null
  set role scrip_owner;
\endif
