create or replace function api.claim_alerts(p_limit integer default 10)
returns table (user_id uuid, alert_id uuid, kind text, body text, attempts integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
begin
  return query
  -- Materialized: a plan that runs the choice once a row would claim more than p_limit, for nobody to do.
  with claimed as materialized (
    select due.user_id, due.alert_id
    from playground.alert_deliveries as due
    where due.state = 'due' and due.next_try_at <= v_now
    order by due.next_try_at
    limit least(p_limit, 100)
    for no key update skip locked
  )
  update playground.alert_deliveries as delivery
  set attempts = delivery.attempts + 1, next_try_at = v_now + interval '5 minutes'
  from claimed
  where delivery.user_id = claimed.user_id and delivery.alert_id = claimed.alert_id
  returning delivery.user_id, delivery.alert_id, delivery.kind,
    jsonb_build_object(
      'id', delivery.alert_id, 'kind', delivery.kind, 'userId', nullif(delivery.user_id, '00000000-0000-0000-0000-000000000000'),
      'window', engine.iso(delivery.window_starts_at),
      'details', delivery.details || jsonb_strip_nulls(jsonb_build_object('statement', engine.alert_statement(delivery.kind))),
      'createdAt', engine.iso(delivery.created_at))::text,
    delivery.attempts;
end $$;
comment on function api.claim_alerts(integer) is
  'Alerts that the operators'' webhook is to hear of, each claimed for five minutes: whoever dies meanwhile leaves it to the next. body: the JSON to send, the same in each try; userId: the person or the account concerned, null: the platform.';
