-- Reading what Stripe sends: amounts as integers only, ids also where an object was put in their place, and both shapes
-- of the API (before and since 2025-03-31: https://docs.stripe.com/changelog/basil).

create or replace function engine.stripe_integer(p_value jsonb)
returns bigint
language sql immutable
as $$ select case when jsonb_typeof(p_value) = 'number' and p_value::text ~ '^[0-9]{1,15}$' then p_value::text::bigint end $$;
comment on function engine.stripe_integer(jsonb) is 'A whole number that is not negative; null for anything else.';

create or replace function engine.stripe_time(p_value jsonb)
returns timestamptz
language sql immutable
as $$ select case when jsonb_typeof(p_value) = 'number' and p_value::text ~ '^[0-9]{1,11}$' then to_timestamp(p_value::text::bigint) end $$;
comment on function engine.stripe_time(jsonb) is 'An instant, from whole seconds since 1970; null for anything else.';

create or replace function engine.stripe_text(p_value jsonb)
returns text
language sql immutable
as $$ select case when jsonb_typeof(p_value) = 'string' and length(p_value #>> '{}') between 1 and 255 then p_value #>> '{}' end $$;
comment on function engine.stripe_text(jsonb) is 'A text of 1 to 255 characters; null for anything else.';

create or replace function engine.stripe_id(p_value jsonb)
returns text
language sql immutable
as $$ select engine.stripe_text(case when jsonb_typeof(p_value) = 'object' then p_value -> 'id' else p_value end) $$;
comment on function engine.stripe_id(jsonb) is 'The id of an object, given as such or expanded.';

create or replace function engine.stripe_uuid(p_value text)
returns uuid
language sql immutable
as $$ select case when p_value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_value::uuid end $$;
comment on function engine.stripe_uuid(text) is 'An id of ours out of metadata; null for anything else.';

create or replace function engine.read_subscription(
  p_object jsonb,
  out stripe_subscription_id text, out customer_id text, out status text, out rank integer, out stripe_price_id text,
  out period_start timestamptz, out period_end timestamptz, out ends_at timestamptz, out ended_at timestamptz)
language plpgsql immutable
as $$
declare
  v_item constant jsonb := p_object #> '{items,data,0}';
begin
  stripe_subscription_id := engine.stripe_text(p_object -> 'id');
  customer_id := engine.stripe_id(p_object -> 'customer');
  status := case p_object ->> 'status'
    when 'incomplete_expired' then 'canceled'
    when 'paused' then 'unpaid'
    else p_object ->> 'status' end;
  rank := array_position(array['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'canceled'], status);
  stripe_price_id := coalesce(engine.stripe_id(v_item -> 'price'), engine.stripe_id(p_object -> 'plan'));
  period_start := coalesce(engine.stripe_time(v_item -> 'current_period_start'), engine.stripe_time(p_object -> 'current_period_start'));
  period_end := coalesce(engine.stripe_time(v_item -> 'current_period_end'), engine.stripe_time(p_object -> 'current_period_end'));
  ends_at := coalesce(
    engine.stripe_time(p_object -> 'cancel_at'),
    case when p_object -> 'cancel_at_period_end' = 'true'::jsonb then period_end end);
  ended_at := coalesce(engine.stripe_time(p_object -> 'ended_at'), engine.stripe_time(p_object -> 'canceled_at'));
end $$;
comment on function engine.read_subscription(jsonb) is 'What we need of a subscription, in either shape. rank orders states of one second; null for a status nobody knows.';

create or replace function engine.read_invoice(
  p_object jsonb,
  out invoice_id text, out customer_id text, out stripe_subscription_id text, out billing_reason text, out paid_cents bigint,
  out currency text, out stripe_price_id text, out period_start timestamptz, out period_end timestamptz, out paid_at timestamptz,
  out payment_intent_id text)
language plpgsql immutable
as $$
declare
  v_line jsonb;
begin
  invoice_id := engine.stripe_text(p_object -> 'id');
  customer_id := engine.stripe_id(p_object -> 'customer');
  stripe_subscription_id := coalesce(
    engine.stripe_id(p_object #> '{parent,subscription_details,subscription}'), engine.stripe_id(p_object -> 'subscription'));
  billing_reason := p_object ->> 'billing_reason';
  paid_cents := engine.stripe_integer(p_object -> 'amount_paid');
  currency := p_object ->> 'currency';
  paid_at := engine.stripe_time(p_object #> '{status_transitions,paid_at}');
  payment_intent_id := coalesce(
    engine.stripe_id(p_object -> 'payment_intent'),
    engine.stripe_id(jsonb_path_query_first(p_object, '$.payments.data[*] ? (@.status == "paid").payment.payment_intent')));
  -- The line of the plan itself: prorations and extras say nothing about the period.
  select line into v_line
  from jsonb_array_elements(
    case when jsonb_typeof(p_object #> '{lines,data}') = 'array' then p_object #> '{lines,data}' else '[]' end) as line
  where (line ->> 'type' = 'subscription' or line #>> '{parent,type}' = 'subscription_item_details')
    and coalesce(line -> 'proration', line #> '{parent,subscription_item_details,proration}', 'false') <> 'true'
  order by engine.stripe_time(line #> '{period,end}') desc nulls last
  limit 1;
  stripe_price_id := coalesce(engine.stripe_id(v_line #> '{pricing,price_details,price}'), engine.stripe_id(v_line -> 'price'));
  period_start := engine.stripe_time(v_line #> '{period,start}');
  period_end := engine.stripe_time(v_line #> '{period,end}');
end $$;
comment on function engine.read_invoice(jsonb) is 'What we need of an invoice, in either shape: cents, and the period and price of the plan''s line.';
