create or replace view admin.providers as
select
  p.provider,
  p.is_enabled,
  trim_scale(coalesce(spend.usd, 0)) as spent_today_usd,
  trim_scale(p.daily_ceiling_usd) as daily_ceiling_usd,
  p.stops_at_ceiling,
  p.stops_at_ceiling and coalesce(spend.usd, 0) + coalesce(held.usd, 0) >= p.daily_ceiling_usd as is_stopped,
  bill.starts_at as last_bill_of,
  trim_scale(bill.billed_usd) as last_billed_usd,
  trim_scale(bill.recorded_usd) as last_recorded_usd,
  trim_scale(coalesce(held.usd, 0)) as held_today_usd
from playground.providers p
cross join (select date_trunc('day', engine.now(), 'UTC') as starts_at) as today
left join lateral (
  select sum(s.cost_usd) as usd
  from playground.provider_spend s
  where s.provider = p.provider and s.starts_at = today.starts_at
) as spend on true
left join lateral (
  select sum(h.cost_held_usd + h.budget_held_usd) as usd
  from playground.holds h
  join playground.models m using (model)
  where h.status = 'open' and m.provider = p.provider and h.reserved_at >= today.starts_at
) as held on true
left join lateral (
  select *
  from playground.provider_bills b
  where b.provider = p.provider
  order by b.starts_at desc
  limit 1
) as bill on true;
comment on view admin.providers is
  'When a provider costs too much or is to be stopped: what it cost today (UTC) against its ceiling. Switch: admin.set_provider_enabled; ceiling: admin.set_provider_ceiling; its bill against our figure: admin.reconcile_provider_bill.';
comment on column admin.providers.spent_today_usd is 'API cost of ended runs of this UTC day, in US dollars, simulated ones included.';
comment on column admin.providers.daily_ceiling_usd is 'The most it may cost in a UTC day, in US dollars.';
comment on column admin.providers.is_stopped is 'All new runs are refused: what was spent and what open runs may cost reach the ceiling. A run that may cost more than is left below it is refused before.';
comment on column admin.providers.last_bill_of is 'The last UTC day whose bill was compared.';
comment on column admin.providers.last_billed_usd is 'What the provider says that day cost, in US dollars.';
comment on column admin.providers.last_recorded_usd is 'What our usage of that day cost when the bill was entered, in US dollars.';
comment on column admin.providers.held_today_usd is 'What open runs that began on this UTC day may cost at most, in US dollars.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.providers
for each row execute function engine.refuse_view_change(
  'To stop one: admin.set_provider_enabled(provider, false, reason). What it may cost a day: admin.set_provider_ceiling(provider, daily_usd, stops, reason).'
);
