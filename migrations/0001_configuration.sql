-- What an operator may change: the numbers of the business, one row each.
-- Migrations know no code: defaults are constants, times come from the writer.

create schema playground;
comment on schema playground is 'All data of Scrip. Tables only; nobody but scrip_owner has even USAGE. Doors: api, jobs, admin, analytics.';

create domain playground.usd as numeric(20, 12)
  constraint usd_is_a_finite_amount check (value >= 0 and value < 'Infinity');
comment on domain playground.usd is 'US dollars, exact: 12 decimals hold one token at any price per million tokens with 6 decimals. NaN and Infinity are refused.';

create domain playground.credits as bigint
  constraint credits_are_not_negative check (value >= 0);
comment on domain playground.credits is 'Credits of a lot, a hold or a balance. A domain, not a table check: it is evaluated only where the column is written.';

create domain playground.tokens as bigint
  constraint tokens_are_not_negative check (value >= 0);
comment on domain playground.tokens is 'Tokens of a model call.';

create table playground.platform_settings (
  is_the_only_row boolean not null default true,
  signup_credits bigint not null default 5,
  signup_credits_per_day bigint not null default 5000,
  tokens_per_credit integer not null default 5000,
  octets_per_token numeric(6, 3) not null default 4,
  token_estimate_factor numeric(6, 3) not null default 1.3,
  estimate_alert_factor numeric(6, 3) not null default 1.5,
  absurd_usage_factor integer not null default 10,
  max_input_tokens integer not null default 20000,
  min_output_tokens integer not null default 256,
  custom_prompt_multiplier numeric(8, 3) not null default 2,
  hold_lifetime interval not null default interval '190 seconds',
  hold_margin interval not null default interval '10 seconds',
  answer_retention interval not null default interval '24 hours',
  refresh_token_lifetime interval not null default interval '30 days',
  login_attempts integer not null default 10,
  login_attempt_window interval not null default interval '15 minutes',
  renewal_grace interval not null default interval '3 days',
  pack_cost_share numeric(5, 4) not null default 0.70,
  paid_runs_per_hour integer not null default 100,
  default_model text not null default 'sonnet',
  frontend_url text not null default 'http://localhost:8080',
  constraint platform_settings_pkey primary key (is_the_only_row),
  constraint platform_settings_has_one_row check (is_the_only_row),
  constraint platform_settings_signup_is_not_negative check (signup_credits >= 0 and signup_credits_per_day >= 0),
  constraint platform_settings_tokens_are_positive check (tokens_per_credit > 0 and max_input_tokens > 0 and min_output_tokens > 0),
  constraint platform_settings_estimate_is_positive check (
    octets_per_token > 0 and octets_per_token <> 'NaN'
    and token_estimate_factor >= 1 and token_estimate_factor <> 'NaN'
    and estimate_alert_factor >= 1 and estimate_alert_factor <> 'NaN'),
  constraint platform_settings_absurd_usage_is_beyond_any_hold check (absurd_usage_factor > 1),
  constraint platform_settings_custom_prompts_cost_no_less check (custom_prompt_multiplier >= 1 and custom_prompt_multiplier <> 'NaN'),
  constraint platform_settings_hold_outlives_its_deadline check (hold_margin > interval '0' and hold_lifetime > hold_margin + interval '1 second' and hold_lifetime <= interval '1 hour'),
  constraint platform_settings_retention_is_positive check (answer_retention > interval '0' and refresh_token_lifetime > interval '0'),
  constraint platform_settings_logins_are_possible check (login_attempts > 0 and login_attempt_window > interval '0'),
  constraint platform_settings_grace_is_not_negative check (renewal_grace >= interval '0'),
  constraint platform_settings_share_is_a_fraction check (pack_cost_share >= 0 and pack_cost_share <= 1),
  constraint platform_settings_paid_runs_is_positive check (paid_runs_per_hour > 0)
);
comment on table playground.platform_settings is 'The numbers of the business that belong to no other table; one row. Changed by admin.set_setting(name, value, reason).';
comment on column playground.platform_settings.signup_credits is 'Credits a new person gets, once.';
comment on column playground.platform_settings.signup_credits_per_day is 'Credits given to all new people of one UTC day; beyond it a signup brings 0 and an alert.';
comment on column playground.platform_settings.tokens_per_credit is 'Tokens in one step of the price; a step costs the model''s multiplier in credits.';
comment on column playground.platform_settings.octets_per_token is 'Octets of UTF-8 counted as one token before the safety factor.';
comment on column playground.platform_settings.token_estimate_factor is 'Safety factor of the token estimate.';
comment on column playground.platform_settings.estimate_alert_factor is 'Alert when reported input exceeds the estimate by this factor.';
comment on column playground.platform_settings.absurd_usage_factor is 'A reported token count beyond this many times the run''s estimated input plus output cap is taken as not reported.';
comment on column playground.platform_settings.max_input_tokens is 'Largest estimated input of a run, in tokens (prompt + history + input).';
comment on column playground.platform_settings.min_output_tokens is 'Smallest output cap worth running with, in tokens.';
comment on column playground.platform_settings.custom_prompt_multiplier is 'Multiplies the model''s multiplier when the caller brings an own prompt.';
comment on column playground.platform_settings.hold_lifetime is 'How long a hold lives when nobody ends it.';
comment on column playground.platform_settings.hold_margin is 'How long before its hold a run''s deadline ends; the time left to settle.';
comment on column playground.platform_settings.answer_retention is 'How long an Idempotency-Key is remembered after its run.';
comment on column playground.platform_settings.pack_cost_share is 'US dollars of API cost budget per US dollar paid for a pack.';
comment on column playground.platform_settings.paid_runs_per_hour is 'Runs an hour while unspent bought credits remain.';
comment on column playground.platform_settings.frontend_url is 'Where people buy credits: purchaseUrl of a 402.';
insert into playground.platform_settings default values;

create table playground.platform_state (
  is_the_only_row boolean not null default true,
  code_version text,
  loaded_at timestamptz,
  heartbeat_at timestamptz,
  ledger_verified_at timestamptz,
  ledger_violations bigint not null default 0,
  constraint platform_state_pkey primary key (is_the_only_row),
  constraint platform_state_has_one_row check (is_the_only_row),
  constraint platform_state_violations_is_not_negative check (ledger_violations >= 0)
);
comment on table playground.platform_state is 'What is running: version of the loaded code, last heartbeat of the scheduler, last self-check of the ledger; one row.';
insert into playground.platform_state default values;

create table playground.models (
  model text not null,
  provider text not null,
  provider_model text not null,
  multiplier numeric(8, 3) not null,
  max_output_tokens integer not null default 4096,
  typical_output_tokens integer not null default 500,
  is_enabled boolean not null default true,
  position integer not null,
  constraint models_pkey primary key (model),
  constraint models_provider_model_is_listed_once unique (provider, provider_model),
  constraint models_multiplier_is_positive check (multiplier > 0 and multiplier <> 'NaN'),
  constraint models_output_is_positive check (max_output_tokens > 0 and typical_output_tokens > 0)
);
comment on table playground.models is 'Models on offer under their alias. multiplier: credits per tokens_per_credit tokens.';
insert into playground.models (model, provider, provider_model, multiplier, position) values
  ('sonnet', 'anthropic', 'claude-sonnet-4-6', 1, 1),
  ('opus', 'anthropic', 'claude-opus-4-6', 5, 2),
  ('gpt-4o', 'openai', 'gpt-4o', 2, 3),
  ('gpt-4o-mini', 'openai', 'gpt-4o-mini', 0.5, 4),
  ('gpt-4-turbo', 'openai', 'gpt-4-turbo', 2, 5);

create table playground.model_prices (
  model text not null,
  effective_from timestamptz not null,
  input_usd_per_million numeric(12, 6) not null,
  output_usd_per_million numeric(12, 6) not null,
  cache_read_usd_per_million numeric(12, 6) not null,
  cache_write_usd_per_million numeric(12, 6) not null,
  constraint model_prices_pkey primary key (model, effective_from),
  constraint model_prices_belong_to_a_model foreign key (model) references playground.models,
  constraint model_prices_are_finite_and_not_negative check (
    input_usd_per_million >= 0 and input_usd_per_million <> 'NaN'
    and output_usd_per_million > 0 and output_usd_per_million <> 'NaN'
    and cache_read_usd_per_million >= 0 and cache_read_usd_per_million <> 'NaN'
    and cache_write_usd_per_million >= 0 and cache_write_usd_per_million <> 'NaN')
);
comment on table playground.model_prices is 'The price book: US dollars per million tokens of each class from an instant on. Append-only; a hold keeps the row it was made with.';
comment on column playground.model_prices.input_usd_per_million is 'US dollars per million input tokens that no cache served.';
comment on column playground.model_prices.output_usd_per_million is 'US dollars per million output tokens.';
comment on column playground.model_prices.cache_read_usd_per_million is 'US dollars per million input tokens read from a cache.';
comment on column playground.model_prices.cache_write_usd_per_million is 'US dollars per million input tokens written to a cache.';
-- Anthropic: cache reads 0.1 x and writes 1.25 x of input. OpenAI: cache reads 0.5 x, writes are plain input.
insert into playground.model_prices values
  ('sonnet', '2025-01-01 00:00:00+00', 3, 15, 0.3, 3.75),
  ('opus', '2025-01-01 00:00:00+00', 15, 75, 1.5, 18.75),
  ('gpt-4o', '2025-01-01 00:00:00+00', 5, 20, 2.5, 5),
  ('gpt-4o-mini', '2025-01-01 00:00:00+00', 0.6, 2.4, 0.3, 0.6),
  ('gpt-4-turbo', '2025-01-01 00:00:00+00', 10, 30, 5, 10);

create table playground.tiers (
  tier text not null,
  monthly_cost_limit_usd playground.usd,
  daily_cost_limit_usd playground.usd,
  runs_per_hour integer,
  alert_thresholds integer[] not null,
  is_unlimited boolean not null default false,
  is_active boolean not null default true,
  throttle_on_exceed boolean not null default true,
  constraint tiers_pkey primary key (tier),
  constraint tiers_runs_is_not_negative check (runs_per_hour >= 0),
  constraint tiers_thresholds_are_percents check (0 < all (alert_thresholds) and 100 >= all (alert_thresholds))
);
comment on table playground.tiers is 'Cost limits by tier (cost_limits_config to operators). A missing, inactive or NULL limit refuses; unlimited is its own flag. throttle_on_exceed false: limits are recorded as alerts and refuse nobody.';
comment on column playground.tiers.monthly_cost_limit_usd is 'API cost in US dollars that a person may cause in a calendar month (UTC).';
comment on column playground.tiers.daily_cost_limit_usd is 'API cost in US dollars that a person may cause in a day (UTC).';
insert into playground.tiers (tier, monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, alert_thresholds, is_unlimited) values
  ('free', 0.50, 0.10, 10, '{50,75,80,90}', false),
  ('prpm_plus_individual', 5.00, 1.00, 100, '{50,75,90}', false),
  ('prpm_plus_org', 2.50, 0.50, 100, '{50,75,90}', false),
  ('unlimited', null, null, null, '{}', true);

create table playground.plans (
  plan text not null,
  name text not null,
  monthly_credits bigint not null,
  rollover_cap bigint not null,
  constraint plans_pkey primary key (plan),
  constraint plans_credits_are_not_negative check (monthly_credits >= 0 and rollover_cap >= 0)
);
comment on table playground.plans is 'Subscriptions on offer: credits a month, and how many unused ones roll over for one period.';
comment on column playground.plans.monthly_credits is 'Credits granted with each confirmed period.';
insert into playground.plans values ('prpm_plus', 'PRPM+', 100, 200);

create table playground.plan_prices (
  plan_price text not null,
  plan text not null,
  tier text not null,
  amount_cents bigint not null,
  currency text not null default 'usd',
  constraint plan_prices_pkey primary key (plan_price),
  constraint plan_prices_belong_to_a_plan foreign key (plan) references playground.plans,
  constraint plan_prices_lead_to_a_tier foreign key (tier) references playground.tiers,
  constraint plan_prices_amount_is_not_negative check (amount_cents >= 0),
  constraint plan_prices_currency_is_a_code check (currency ~ '^[a-z]{3}$')
);
comment on table playground.plan_prices is 'What a plan costs a month, in cents, and the tier of those who pay it.';
comment on column playground.plan_prices.amount_cents is 'Price of a month, in cents of currency.';
insert into playground.plan_prices values
  ('prpm_plus_individual', 'prpm_plus', 'prpm_plus_individual', 600, 'usd'),
  ('prpm_plus_org', 'prpm_plus', 'prpm_plus_org', 300, 'usd');

create table playground.packs (
  pack text not null,
  name text not null,
  description text not null,
  credits bigint not null,
  bonus_percent integer not null default 0,
  price_cents bigint not null,
  currency text not null default 'usd',
  is_popular boolean not null default false,
  is_active boolean not null default true,
  position integer not null,
  constraint packs_pkey primary key (pack),
  constraint packs_credits_are_positive check (credits > 0),
  constraint packs_price_is_positive check (price_cents > 0),
  constraint packs_bonus_is_not_negative check (bonus_percent >= 0),
  constraint packs_currency_is_a_code check (currency ~ '^[a-z]{3}$')
);
comment on table playground.packs is 'Credit packs on sale: credits that never expire, price in cents. bonus_percent: credits per cent more than the small pack gives.';
comment on column playground.packs.credits is 'Credits bought, any bonus included.';
comment on column playground.packs.price_cents is 'Price, in cents of currency.';
insert into playground.packs (pack, name, description, credits, bonus_percent, price_cents, is_popular, position) values
  ('small', 'Small', 'To try a few packages', 100, 0, 500, false, 1),
  ('medium', 'Medium', 'Most popular', 250, 25, 1000, true, 2),
  ('large', 'Large', 'Best value', 600, 50, 2000, false, 3);
