create view analytics.conversion_new as
with person as (
  select u.user_id, u.account_id, date_trunc('month', u.created_at, 'UTC') as month,
    case when exists (select from playground.organization_members m where m.user_id = u.user_id) then 'organization' else 'individual' end as segment
  from playground.users u
), buyer as (
  select p.account_id, p.user_id from playground.purchases p where p.status = 'succeeded' group by 1, 2
), subscriber as (
  select p.account_id, bool_or(s.plan_price = 'prpm_plus_individual') as is_individual, bool_or(s.plan_price = 'prpm_plus_org') as is_organization
  from playground.periods p
  join playground.subscriptions s on s.account_id = p.account_id and s.subscription_id = p.subscription_id
  where p.invoice_id is not null
  group by 1
), counted as (
  select p.month, p.segment, count(*) as registered, count(t.user_id) as ran, count(b.user_id) as purchased,
    count(*) filter (where t.user_id is not null and b.user_id is not null) as ran_and_purchased,
    count(s.account_id) as subscribed,
    count(*) filter (where s.is_individual) as subscribed_individual, count(*) filter (where s.is_organization) as subscribed_organization
  from person p
  left join rollup.user_totals t on t.user_id = p.user_id and t.runs > 0
  left join buyer b on b.account_id = p.account_id and b.user_id = p.user_id
  left join subscriber s on s.account_id = p.account_id
  group by 1, 2
)
select month, segment, registered, ran, purchased, ran_and_purchased, subscribed, subscribed_individual, subscribed_organization,
  round(100 * ran::numeric / registered, 2) as ran_percent,
  round(100 * purchased::numeric / registered, 2) as purchased_percent,
  round(100 * ran_and_purchased::numeric / nullif(ran, 0), 2) as purchased_of_ran_percent,
  round(100 * subscribed::numeric / registered, 2) as subscribed_percent
from counted;
comment on view analytics.conversion_new is 'What became of those who registered: who ever ran, bought a pack, paid for PRPM+; a row per calendar month (UTC) of registration and segment. The steps are counted each for itself: somebody may subscribe without buying a pack.';
comment on column analytics.conversion_new.month is 'First instant of the month (UTC) in which people registered.';
comment on column analytics.conversion_new.segment is 'organization: members of an organisation by now, each once; individual: everybody else.';
comment on column analytics.conversion_new.registered is 'People who registered, those who have left since included.';
comment on column analytics.conversion_new.ran is 'People of these with a run.';
comment on column analytics.conversion_new.purchased is 'People of these who bought a pack.';
comment on column analytics.conversion_new.ran_and_purchased is 'People of these with a run who bought a pack.';
comment on column analytics.conversion_new.subscribed is 'People of these who paid for a month of PRPM+; plans set by operators do not count.';
comment on column analytics.conversion_new.subscribed_individual is 'People of these who paid for PRPM+ at the individual price; some may have paid at both.';
comment on column analytics.conversion_new.subscribed_organization is 'People of these who paid for PRPM+ at the price for members of organisations.';
comment on column analytics.conversion_new.ran_percent is 'ran in percent of registered.';
comment on column analytics.conversion_new.purchased_percent is 'purchased in percent of registered.';
comment on column analytics.conversion_new.purchased_of_ran_percent is 'ran_and_purchased in percent of ran; null when nobody ran.';
comment on column analytics.conversion_new.subscribed_percent is 'subscribed in percent of registered.';
