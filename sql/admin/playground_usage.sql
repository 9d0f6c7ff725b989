create or replace view admin.playground_usage as
select
  user_id,
  session_id,
  (input_tokens + output_tokens + cache_read_tokens + cache_write_tokens)::bigint as tokens_used,
  duration_ms,
  credits::bigint as credits_spent,
  round(cost_usd, greatest(2, min_scale(cost_usd))) as estimated_api_cost,
  reserved_at as created_at,
  hold_id
from playground.usage;
comment on view admin.playground_usage is 'Model calls, charged or not, as far back as their months are kept.';
comment on column admin.playground_usage.user_id is 'Who asked.';
comment on column admin.playground_usage.session_id is 'The conversation; it may be deleted.';
comment on column admin.playground_usage.tokens_used is 'Tokens in and out, cached ones included.';
comment on column admin.playground_usage.duration_ms is 'How long the model took, in milliseconds; null when the gateway did not live to tell.';
comment on column admin.playground_usage.credits_spent is 'Credits charged.';
comment on column admin.playground_usage.estimated_api_cost is 'What the provider bills for it, in US dollars, by tokens and the price book.';
comment on column admin.playground_usage.created_at is 'When the run began; it belongs to the limits of that hour, day and month.';
comment on column admin.playground_usage.hold_id is 'The run: id of its answer. Why it was charged so: admin.explain_charge(user_id, p_hold_id => hold_id), for who pays themselves.';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.playground_usage
for each row execute function engine.refuse_view_change(
  'What was used stays recorded. To give credits back: admin.grant_credits(user, credits, reason).'
);
