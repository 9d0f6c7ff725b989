-- Conversations and credit history as they are shown.

create or replace function engine.session_json(p_session playground.sessions)
returns json
language sql stable
as $$
  select json_build_object(
    'id', p_session.session_id,
    'packageId', p_session.package_id,
    'packageName', (select name from playground.packages where package_id = p_session.package_id),
    'packageVersion', p_session.package_version,
    'model', p_session.model,
    'messages', p_session.messages,
    'runs', p_session.runs,
    'creditsSpent', p_session.credits_spent,
    'createdAt', engine.iso(p_session.created_at),
    'lastRunAt', engine.iso(p_session.last_run_at)
  );
$$;
comment on function engine.session_json(playground.sessions) is 'A conversation as the API shows it, without its messages.';

create or replace function engine.with_receipt(p_transaction playground.transactions)
returns jsonb
language sql stable
as $$
  select p_transaction.metadata || coalesce((
    select jsonb_build_object('receiptUrl', y.receipt_url)
    from playground.purchases p
    join playground.payments y on y.account_id = p.account_id and y.payment_intent_id = p.payment_intent_id
    where p.account_id = p_transaction.account_id and p.purchase_id = p_transaction.purchase_id and y.receipt_url is not null), '{}')
$$;
comment on function engine.with_receipt(playground.transactions) is 'The metadata of a purchase''s line, with Stripe''s receipt once that is known: the line itself never changes.';

create or replace function engine.transaction_json(p_transaction playground.transactions)
returns json
language sql stable
as $$
  select json_build_object(
    'id', p_transaction.account_id || ':' || p_transaction.number,
    'number', p_transaction.number,
    'amount', p_transaction.amount,
    'balanceAfter', p_transaction.balance_after,
    'type', p_transaction.type,
    'description', p_transaction.description,
    'metadata', case when p_transaction.type = 'purchase' then engine.with_receipt(p_transaction) else p_transaction.metadata end,
    'sessionId', p_transaction.session_id,
    'purchaseId', p_transaction.purchase_id,
    'createdAt', engine.iso(p_transaction.posted_at)
  );
$$;
comment on function engine.transaction_json(playground.transactions) is 'A line of the credit history as the API shows it.';

create or replace function engine.transaction_csv(p_transaction playground.transactions)
returns text
language sql stable
as $$
  select concat_ws(
    ',', p_transaction.number, p_transaction.type, p_transaction.amount, p_transaction.balance_after,
    engine.csv_field(p_transaction.description), engine.csv_field((case when p_transaction.type = 'purchase' then engine.with_receipt(p_transaction) else p_transaction.metadata end)::text),
    coalesce(p_transaction.session_id::text, ''), coalesce(p_transaction.purchase_id::text, ''),
    engine.iso(p_transaction.posted_at)
  ) || e'\r\n';
$$;
comment on function engine.transaction_csv(playground.transactions) is 'A line of the credit history as a line of CSV (RFC 4180).';
