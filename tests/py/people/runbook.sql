-- What operators type, as it stands in their runbooks: run by tests/py/people/test_runbook.py over a login that
-- admin.create_operator made. Each statement has the name that the test calls it by.

-- limits
SELECT * FROM cost_limits_config;

-- limits only watch
UPDATE cost_limits_config SET throttle_on_exceed = FALSE;

-- limits refuse
UPDATE cost_limits_config SET throttle_on_exceed = TRUE;

-- limit of a tier
UPDATE cost_limits_config SET monthly_cost_limit = 10.00 WHERE tier_name = 'prpm_plus_individual';

-- limit of all tiers
UPDATE cost_limits_config SET monthly_cost_limit = 10.00;

-- reset the month
SELECT reset_monthly_api_costs();

-- refresh the figures
SELECT refresh_user_cost_analytics();

-- check one run
SELECT check_and_throttle_user(id, 0.01) FROM users WHERE email = 'ann@scrip.example';

-- who is throttled
SELECT email, current_month_api_cost, is_throttled, throttled_reason, prpm_plus_status FROM users WHERE is_throttled = TRUE ORDER BY email;

-- one person
SELECT email, current_month_api_cost, is_throttled, throttled_reason, prpm_plus_status FROM users WHERE email = 'ann@scrip.example';

-- throttle
UPDATE users SET is_throttled = TRUE, throttled_reason = 'Charge back under way' WHERE email = 'ann@scrip.example';

-- end the throttle
UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE email = 'ann@scrip.example';

-- end all throttles
UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE is_throttled = TRUE;

-- say why
SET scrip.reason = 'Ticket 17: paid by invoice';

-- who is a risk
SELECT * FROM user_cost_analytics WHERE risk_level = 'high_risk' ORDER BY current_month_api_cost DESC;

-- age of the figures
SELECT NOW() - created_at FROM user_cost_analytics LIMIT 1;

-- who comes near their limit
SELECT u.email, tier_name, current_month_api_cost, monthly_cost_limit, ROUND(current_month_api_cost / monthly_cost_limit * 100) AS percent_used
FROM users u
LEFT JOIN organization_members om ON u.id = om.user_id
JOIN cost_limits_config ON tier_name = CASE
  WHEN prpm_plus_status = 'active' AND om.user_id IS NOT NULL THEN 'prpm_plus_org'
  WHEN prpm_plus_status = 'active' THEN 'prpm_plus_individual'
  ELSE 'free'
END
WHERE is_active AND current_month_api_cost > monthly_cost_limit * 0.1
ORDER BY current_month_api_cost DESC;

-- conversations
SELECT id, user_id, package_id, conversation, credits_spent, model, share_token, created_at FROM playground_sessions;

-- usage
SELECT user_id, session_id, tokens_used, duration_ms, credits_spent, estimated_api_cost, created_at FROM playground_usage;

-- credits
SELECT user_id, balance, monthly_credits, monthly_credits_used, monthly_reset_at, rollover_credits, rollover_expires_at, purchased_credits,
  lifetime_earned, lifetime_spent, lifetime_purchased
FROM playground_credits;

-- history
SELECT user_id, amount, balance_after, transaction_type, description, session_id, purchase_id, created_at FROM playground_credit_transactions;

-- purchases
SELECT user_id, credits, amount_cents, stripe_payment_intent_id, stripe_status FROM playground_credit_purchases;

-- alerts
SELECT * FROM user_cost_alerts ORDER BY created_at DESC;

-- write a balance
UPDATE playground_credits SET balance = 1000000;

-- write a new balance
INSERT INTO playground_credits (user_id, balance) SELECT id, 1000000 FROM users;

-- write a line
INSERT INTO playground_credit_transactions (user_id, amount, balance_after, transaction_type, description)
SELECT id, 100, 100, 'bonus', 'for free' FROM users;

-- change a line
UPDATE playground_credit_transactions SET amount = 100;

-- delete lines
DELETE FROM playground_credit_transactions;

-- mark as paid
UPDATE playground_credit_purchases SET stripe_status = 'succeeded';

-- forget the usage
DELETE FROM playground_usage;

-- write a cost
UPDATE users SET current_month_api_cost = 0;

-- write a plan
UPDATE users SET prpm_plus_status = 'active' WHERE email = 'ann@scrip.example';
