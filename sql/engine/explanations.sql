-- Why a run cost what it did, and why one does not start, for operators.

create or replace function engine.explained_charge(p_hold playground.holds)
returns table (
  explanation text, number bigint, hold_id uuid, user_id uuid, status text, outcome text, reserved_at timestamptz, closed_at timestamptz,
  model text, answered_model text, tier text, package text, is_custom_prompt boolean,
  input_tokens bigint, output_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint, tokens bigint, usage_source text,
  input_tokens_estimated integer, max_output_tokens integer, tokens_beyond_hold bigint,
  tokens_per_credit integer, steps bigint, multiplier numeric, credits_due bigint, credits_held bigint, credits_charged bigint, balance_after bigint,
  grants jsonb, price_effective_from timestamptz,
  input_usd_per_million numeric, output_usd_per_million numeric, cache_read_usd_per_million numeric, cache_write_usd_per_million numeric,
  cost_held_usd numeric, cost_usd numeric, budget_usd numeric)
language sql stable
as $$
  with spent as (
    select u as usage, u.input_tokens + u.output_tokens + u.cache_read_tokens + u.cache_write_tokens as tokens
    from playground.usage u
    where u.account_id = p_hold.account_id and u.reserved_at = p_hold.reserved_at and u.hold_id = p_hold.hold_id
  ), measured as (
    select (s.usage).*, s.tokens,
      (s.tokens + p_hold.tokens_per_credit - 1) / p_hold.tokens_per_credit as steps,
      engine.credits_for(s.tokens, p_hold.multiplier, p_hold.tokens_per_credit) as credits_due
    from spent s
  )
  select
    case
      when p_hold.status = 'open' then format('Still running: %s credit(s) held until %s.', p_hold.credits, engine.iso(p_hold.expires_at))
      when p_hold.outcome = 'not_called' then 'Given back before a model was called: nothing is charged.'
      when p_hold.status <> 'settled' then format('Ended without an answer that counts (%s): nothing is charged.', p_hold.outcome)
      when p_hold.charged = 0 then format('Ended before anything was delivered (%s): nothing is charged.', p_hold.outcome)
      when m.hold_id is null then format('%s credit(s) charged of %s held; its usage is not kept any more.', p_hold.charged, p_hold.credits)
      else format(
        '%s tokens are %s step(s) of %s; x multiplier %s, rounded up, at least 1 = %s credit(s)%s.',
        m.tokens, m.steps, p_hold.tokens_per_credit, trim_scale(p_hold.multiplier), m.credits_due,
        case when m.credits_due > p_hold.charged then format('; %s were held, and no run is charged more', p_hold.credits) else '' end)
    end,
    p_hold.spend_number, p_hold.hold_id, p_hold.user_id, p_hold.status, p_hold.outcome, p_hold.reserved_at, p_hold.closed_at,
    p_hold.model, m.answered_model, p_hold.tier,
    coalesce((select name from playground.packages where package_id = p_hold.package_id), p_hold.package_id::text) || '@' || p_hold.package_version,
    p_hold.is_custom_prompt,
    m.input_tokens, m.output_tokens, m.cache_read_tokens, m.cache_write_tokens, m.tokens, m.usage_source,
    p_hold.input_tokens_estimated, p_hold.max_output_tokens, m.tokens_beyond_hold,
    p_hold.tokens_per_credit, m.steps, trim_scale(p_hold.multiplier), m.credits_due, p_hold.credits, p_hold.charged,
    (select t.balance_after from playground.transactions t where t.account_id = p_hold.account_id and t.number = p_hold.spend_number),
    (
      select jsonb_agg(
        jsonb_build_object(
          'grantId', g.grant_id, 'bucket', g.bucket, 'source', g.source, 'expiresAt', engine.iso(g.expires_at),
          'held', part.credits, 'paid', -coalesce(paid.amount, 0))
        order by part.position)
      from playground.hold_parts part
      join playground.grants g on g.account_id = part.account_id and g.grant_id = part.grant_id
      left join playground.transaction_parts paid
        on paid.account_id = part.account_id and paid.number = p_hold.spend_number and paid.grant_id = part.grant_id
      where part.account_id = p_hold.account_id and part.hold_id = p_hold.hold_id
    ),
    p_hold.price_effective_from, trim_scale(price.input_price), trim_scale(price.output_price), trim_scale(price.cache_read_price),
    trim_scale(price.cache_write_price), trim_scale(p_hold.cost_held_usd + p_hold.budget_held_usd), trim_scale(m.cost_usd), trim_scale(m.budget_usd)
  from (select) as always
  left join measured as m on true
  cross join lateral engine.price_of_answer(p_hold.model, p_hold.price_effective_from, m.answered_model, p_hold.reserved_at) as price
$$;
comment on function engine.explained_charge(playground.holds) is
  'Everything about the price of one run: tokens, steps, credits held, due and charged, the grants that paid, prices (US dollars per million tokens), cost and bought budget (US dollars).';

create or replace function engine.explained_refusal(p_user_id uuid, p_model text, p_input_tokens bigint)
returns table (
  would_start boolean, model text, limit_source text, used numeric, limit_value numeric, resets_at timestamptz,
  set_by text, reason text, what_helps text, models_that_start text[])
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_account_id uuid;
  v_instant timestamptz;
  v_foreseen record;
  v_standing record;
  v_origin record;
begin
  select account_id into v_account_id from playground.users where user_id = p_user_id and deleted_at is null;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_person(p_user_id));
  end if;
  model := coalesce(p_model, (select default_model from playground.platform_settings));
  perform from playground.models where models.model = explained_refusal.model;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('model', model, array(select m.model from playground.models m order by m.position, m.model)));
  end if;
  if p_input_tokens is null or p_input_tokens not between 0 and 1000000000 then
    perform engine.refuse('SCD02', 'The input has 0 to 1000000000 tokens.');
  end if;
  -- What fell due is done first, as a run would; else nothing is written.
  perform engine.refresh_account(v_account_id);
  v_instant := (select greatest(engine.now(), last_instant) from playground.accounts where account_id = v_account_id);

  v_foreseen := engine.foresee_refusal(p_user_id, model, p_input_tokens, v_instant);
  would_start := v_foreseen.limit_source is null;
  limit_source := v_foreseen.limit_source;
  used := trim_scale(v_foreseen.used);
  limit_value := trim_scale(v_foreseen.limit_value);
  resets_at := v_foreseen.resets_at;
  if would_start then
    select * into v_standing from engine.standing_refusals(p_user_id, v_instant) limit 1;
    if found then
      limit_source := v_standing.limit_source;
      used := trim_scale(v_standing.used);
      limit_value := trim_scale(v_standing.limit_value);
      resets_at := v_standing.resets_at;
    end if;
  end if;
  v_origin := engine.origin_of_limit(p_user_id, limit_source, v_foreseen.tier, v_foreseen.provider, v_instant);
  set_by := v_origin.set_by;
  reason := v_origin.reason;
  what_helps := engine.remedy_for(p_user_id, limit_source, used, limit_value, v_foreseen.tier, model, v_foreseen.provider, v_instant);
  if would_start and limit_source is not null then
    what_helps := format(
      'A small run would start; %s was first refused at %s UTC. %s%s',
      case when starts_with(limit_source, 'runs_') then 'another' else 'a larger one' end,
      to_char(v_standing.refused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
      case when starts_with(what_helps, 'select ') then 'To let it: ' end, what_helps);
  end if;
  models_that_start := array(
    select m.model
    from playground.models m
    where (engine.foresee_refusal(p_user_id, m.model, p_input_tokens, v_instant)).limit_source is null
    order by m.position, m.model);
  return next;
end $$;
comment on function engine.explained_refusal(uuid, text, bigint) is
  'What admin.explain_refusal answers, an admin who set a limit over HTTP by their id. SCD02, SCD04.';
