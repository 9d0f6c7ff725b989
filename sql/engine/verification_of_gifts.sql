-- The invariants of credits that people hand on or redeem. Stable, as those of engine/verification.sql.

create or replace function engine.verify_gifts(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with touched as (
    select account_id from playground.accounts where p_since is null or last_instant >= p_since
  ), gift as (
    select *
    from playground.gifts g
    where p_since is null or g.account_id in (select account_id from touched) or g.to_account_id in (select account_id from touched)
  ), part as (
    select p.*, g.state, g.to_account_id
    from playground.gift_parts p
    join gift g using (account_id, gift_id)
  ), line as (
    select t.account_id, t.metadata ->> 'giftId' as gift_id, sum(t.amount) as amount
    from playground.transactions t
    join touched using (account_id)
    where t.type = 'gift'
    group by 1, 2
  ), expected as (
    select account_id, gift_id::text, sum(amount) as amount
    from (
      select account_id, gift_id, case state when 'returned' then 0 else -credits end as amount from gift
      union all
      select to_account_id, gift_id, credits from gift where state = 'arrived'
    ) as side
    join touched using (account_id)
    group by 1, 2
  )
  select 'gift_is_its_parts', g.account_id, format('gift %s: %s credits, parts %s', g.gift_id, g.credits, p.credits)
  from gift g
  cross join lateral (
    select coalesce(sum(x.credits), 0) as credits from playground.gift_parts x where x.account_id = g.account_id and x.gift_id = g.gift_id) as p
  where g.credits <> p.credits
  union all
  -- What left, arrived and came back, each with its line, once.
  select 'gift_has_its_lines', coalesce(e.account_id, l.account_id),
    format('gift %s: lines make %s, it should be %s', coalesce(e.gift_id, l.gift_id), coalesce(l.amount, 0), coalesce(e.amount, 0))
  from expected e
  full join line l on l.account_id = e.account_id and l.gift_id = e.gift_id
  where coalesce(l.amount, 0) <> coalesce(e.amount, 0) or (e.gift_id is null and l.account_id is not null)
  union all
  select 'gift_grant_is_its_part', p.to_account_id, format('gift %s, part %s: %s credits to grant %s of %s', p.gift_id, p.position, p.credits, p.to_grant_id, g.granted)
  from part p
  left join playground.grants g on g.account_id = p.to_account_id and g.grant_id = p.to_grant_id
  where p.state = 'arrived' and (p.gift_id, p.purchase_id, p.credits::bigint, 'gift') is distinct from (g.gift_id, g.purchase_id, g.granted::bigint, g.source::text)
  union all
  select 'gift_grant_is_its_part', g.account_id, format('grant %s: of gift %s, which has no such part', g.grant_id, g.gift_id)
  from playground.grants g
  join touched using (account_id)
  where g.source = 'gift'
    and not exists (
      select
      from playground.gift_parts p
      join playground.gifts x using (account_id, gift_id)
      where p.gift_id = g.gift_id and p.to_grant_id = g.grant_id and x.to_account_id = g.account_id)
  union all
  select 'gift_taken_is_its_lines', p.to_account_id, format('gift %s, part %s: taken %s, lines make %s', p.gift_id, p.position, p.taken, r.amount)
  from part p
  cross join lateral (
    select coalesce(sum(x.amount), 0) as amount
    from playground.transaction_parts x
    join playground.transactions t using (account_id, number)
    where x.account_id = p.to_account_id and x.grant_id = p.to_grant_id and t.type = 'refund') as r
  where p.state = 'arrived' and p.taken <> -r.amount
  union all
  select 'gift_part_is_asked_for', p.account_id, format('gift %s, part %s: wanted %s, taken %s, next %s', p.gift_id, p.position, p.wanted, p.taken, p.step)
  from part p
  where (p.wanted <> p.taken and p.step is null) or (p.step is not null and p.state <> 'arrived') or (p.wanted > 0 and p.state = 'returned')
  union all
  select 'promo_grant_is_a_redemption', g.account_id, format('grant %s: no redemption of a code brought it', g.grant_id)
  from playground.grants g
  join touched using (account_id)
  where g.source = 'promo'
    and not exists (
      select
      from playground.transaction_parts p
      join playground.promo_redemptions r using (account_id, number)
      where p.account_id = g.account_id and p.grant_id = g.grant_id)
  union all
  select 'redemption_has_its_line', r.account_id, format('code %s: number %s is %s of %s', r.code_key, r.number, t.type, t.amount)
  from playground.promo_redemptions r
  join touched using (account_id)
  join playground.promo_codes c using (code_key)
  left join playground.transactions t on t.account_id = r.account_id and t.number = r.number
  where (t.type::text, t.amount) is distinct from ('bonus', c.credits::bigint)
  union all
  select 'code_counts_its_redemptions', null, format('code %s: counted %s, there are %s', c.code_key, c.redemptions, r.redemptions)
  from playground.promo_codes c
  cross join lateral (select count(*) as redemptions from playground.promo_redemptions x where x.code_key = c.code_key) as r
  where p_since is null and c.redemptions <> r.redemptions
  union all
  select 'gifts_are_conserved', null, format('lines of gifts make %s, %s credits are under way', l.amount, g.credits)
  from (select coalesce(sum(amount), 0) as amount from playground.transactions where type = 'gift' and p_since is null) as l
  cross join (select coalesce(sum(credits), 0) as credits from playground.gifts where ended_at is null) as g
  where p_since is null and l.amount + g.credits <> 0
$$;
comment on function engine.verify_gifts(timestamptz) is
  'Violations in gifts: their parts, their lines at both accounts, the grants they brought, what was taken back of them; and in promo codes: their redemptions, and the lines of those.';
