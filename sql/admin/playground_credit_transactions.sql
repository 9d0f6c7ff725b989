create or replace view admin.playground_credit_transactions as
select
  account_id as user_id,
  amount,
  balance_after::bigint as balance_after,
  type::text as transaction_type,
  description,
  session_id,
  purchase_id,
  posted_at as created_at,
  number
from playground.transactions;
comment on view admin.playground_credit_transactions is
  'The credit history, line by line. Nothing is ever changed in it; to correct the books, add a line: admin.grant_credits(user, credits, reason).';
comment on column admin.playground_credit_transactions.user_id is 'Whose credits: the person, or the organisation that pays for itself.';
comment on column admin.playground_credit_transactions.amount is 'Credits that came (positive) or went (negative); 0 when they only moved.';
comment on column admin.playground_credit_transactions.balance_after is 'Credits after this line.';
comment on column admin.playground_credit_transactions.transaction_type is 'signup, monthly, purchase, spend, rollover, expire, refund, bonus, admin or gift.';
comment on column admin.playground_credit_transactions.description is 'What the person reads.';
comment on column admin.playground_credit_transactions.session_id is 'The conversation that spent them.';
comment on column admin.playground_credit_transactions.purchase_id is 'The purchase that brought them.';
comment on column admin.playground_credit_transactions.created_at is 'When the line was written.';
comment on column admin.playground_credit_transactions.number is 'The line''s number in this account; why a run was charged so: admin.explain_charge(user_id, number).';

create or replace trigger refuse_changes
instead of insert or update or delete on admin.playground_credit_transactions
for each row execute function engine.refuse_view_change(
  'The history only grows, by what happens. To give credits: admin.grant_credits(user, credits, reason).'
);
