drop table playground.waiting_gifts;
drop table playground.gift_parts;
drop table playground.gifts;
drop table playground.code_attempts;
drop table playground.promo_redemptions;
drop table playground.promo_codes;
alter table playground.organizations drop column is_verified_by_operator;
-- Of the verified plan nothing is left that costs or brings credits: its rows go with it.
delete from playground.checkouts where plan_price = 'verified';
delete from playground.stripe_prices where plan_price = 'verified';
delete from playground.invoices i using playground.subscriptions s where s.account_id = i.account_id and s.subscription_id = i.subscription_id and s.plan_price = 'verified';
delete from playground.periods p using playground.subscriptions s where s.account_id = p.account_id and s.subscription_id = p.subscription_id and s.plan_price = 'verified';
delete from playground.subscriptions where plan_price = 'verified';
delete from playground.plan_prices where plan_price = 'verified';
delete from playground.plans where plan = 'verified';
