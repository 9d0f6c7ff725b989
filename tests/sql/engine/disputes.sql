begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../payments.psql
select plan(15);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- Disputes.
select tests.make_payer() as cy_id \gset
select tests.paid_pack(:'cy_id', 'pi_cy'), tests.advance('1 minute') \g /dev/null
select is(tests.disputed('pi_cy', 1000, 'warning_needs_response'), 'handled', 'a warning');
select is(tests.balance(:'cy_id') ->> 'available', '255', 'suspends nothing');
select is(tests.disputed('pi_cy', 400, 'needs_response'), 'handled', 'a dispute');
select is(tests.balance(:'cy_id'), '{"balance": 255, "available": 155, "suspended": 100, "budget": 4.2}', 'suspends its share of what was bought, and of the budget');
select is(array_agg(details), array['{"credits": 100}'::jsonb], 'the payer is told') from playground.notices where user_id = :'cy_id' and kind = 'dispute';
select tests.advance('1 minute'), tests.refunded(:'cy_id', 'pi_cy', 800) \g /dev/null
select is(tests.debt('pi_cy'), 'owed 200: taken 200, due 0, short 0; suspended 50', 'a refund and a dispute of one charge ask for no more than was paid');
select tests.advance('1 minute'), tests.disputed('pi_cy', 400, 'lost') \g /dev/null
select is(tests.debt('pi_cy'), 'owed 250: taken 250, due 0, short 0; suspended 0', 'lost, it revokes what is left');
select is(tests.disputed('pi_cy', 400, 'under_review', engine.now() - interval '10 seconds'), 'handled', 'an older word on the dispute');
select is(tests.debt('pi_cy'), 'owed 250: taken 250, due 0, short 0; suspended 0', 'changes nothing');
select tests.make_payer() as dee_id \gset
select tests.paid_pack(:'dee_id', 'pi_dee'), tests.advance('1 minute'), tests.disputed('pi_dee', 1000, 'needs_response'), tests.disputed('pi_dee', 1000, 'won') \g /dev/null
select is(tests.balance(:'dee_id'), '{"balance": 255, "available": 255, "suspended": 0, "budget": 7}', 'won, in the same second even, it restores everything');
select tests.advance('1 minute'), tests.disputed('pi_dee', 1000, 'warning_closed') \g /dev/null
select is(tests.balance(:'dee_id') ->> 'available', '255', 'a closed warning is no loss');

-- What was suspended was not free: the burn order of a run in between is not broken by how the dispute ended.
create function tests.ended(p_status text)
returns text
language plpgsql
as $$
declare
  v_user_id uuid := tests.make_payer();
  v_old text := 'pi_old_' || p_status;
begin
  perform tests.paid_pack(v_user_id, v_old, 'small', 500), tests.disputed(v_old, 500, 'needs_response'), tests.advance('1 minute');
  perform tests.paid_pack(v_user_id, 'pi_new_' || p_status, 'small', 500), tests.advance('1 minute');
  perform tests.spend(v_user_id, 85), tests.advance('1 minute'), tests.disputed(v_old, 500, p_status);
  return (tests.lots(v_user_id))::text;
end $$;
select is(tests.ended('lost'), '{"signup 0 of 5, held 0","purchase 0 of 100, held 0","purchase 20 of 100, held 0"}', 'a run under a dispute that is lost takes of a later lot');
select is(tests.ended('won'), '{"signup 0 of 5, held 0","purchase 100 of 100, held 0","purchase 20 of 100, held 0"}', 'and so under one that is won');
select is(tests.books(), 'in order', 'the books hold that to be right: the earlier lot was not to be had');

-- States that Stripe knows, and one that it does not.
select is(
  array_agg(format('%s %s %s', status, engine.is_disputed(status), engine.dispute_rank(status)) order by n),
  array['warning_needs_response f 1', 'warning_under_review f 1', 'needs_response t 2', 'under_review t 2', 'a_new_word t 2', 'warning_closed f 3', 'won f 3', 'lost f 3', 'prevented f 3', 'charge_refunded f 3'],
  'of one second: warnings before disputes before ends; whatever is none of them is open')
from unnest(array['warning_needs_response', 'warning_under_review', 'needs_response', 'under_review', 'a_new_word', 'warning_closed', 'won', 'lost', 'prevented', 'charge_refunded'])
  with ordinality as listed (status, n);
select * from finish();
rollback;
