begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../payments.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null
create function tests.free(p_user_id uuid)
returns uuid
language sql
as $$ select admin.set_unlimited(p_user_id, true, 'for a test'); select p_user_id $$;

-- Where it is taken from.
select tests.free(tests.make_payer()) as eve_id \gset
select admin.grant_credits(:'eve_id', 40, 'for a test', 'bonus') \g /dev/null
select tests.advance('1 minute'), tests.paid_pack(:'eve_id', 'pi_eve_1', 'small', 500), tests.advance('1 minute'), tests.paid_pack(:'eve_id', 'pi_eve_2', 'small', 500) \g /dev/null
select tests.spend(:'eve_id', 45 + 70) \g /dev/null
select admin.grant_credits(:'eve_id', 40, 'for a test', 'bonus') \g /dev/null
select tests.advance('1 minute'), tests.refunded(:'eve_id', 'pi_eve_1', 500, 500) \g /dev/null
select is(tests.lots(:'eve_id'), array['signup 0 of 5, held 0', 'bonus 0 of 40, held 0', 'purchase 0 of 100, held 0', 'purchase 30 of 100, held 0', 'bonus 40 of 40, held 0'], 'its own lot first, then other bought ones; never what was given');
select is(tests.debt('pi_eve_1'), 'owed 100: taken 100, due 0, short 0; suspended 0', 'nothing is short while bought credits are left');
select tests.advance('1 minute'), tests.refunded(:'eve_id', 'pi_eve_2', 500, 500) \g /dev/null
select is(tests.debt('pi_eve_2'), 'owed 100: taken 100, due 0, short 0; suspended 0', 'a lot answers for its own payment first');
select is(tests.debt('pi_eve_1'), 'owed 100: taken 30, due 0, short 70; suspended 0', 'the other one is short');
select is((select is_owing from playground.accounts where account_id = :'eve_id'), true, 'the account knows');
select is(tests.paid_pack(:'eve_id', 'pi_eve_3', 'small', 500), 'handled', 'the next pack');
select is((tests.ledger(:'eve_id'))[10:], array['10 purchase +100 = 140 (purchase +100)', '11 refund -70 = 70 (purchase -70)'], 'pays the shortfall first, for all to see');
select is((select is_owing from playground.accounts where account_id = :'eve_id'), false, 'then nothing is owed');
select tests.advance('1 minute'), tests.deliver(tests.event('refund.failed', tests.refund('re_eve', 'pi_eve_1', 500, 'failed', engine.now() - interval '2 minutes'))) \g /dev/null
select is(tests.debt('pi_eve_1'), 'owed 0: taken 0, due 0, short 0; suspended 0', 'a refund that failed owes nothing');
select is((tests.lots(:'eve_id'))[3:], array['purchase 30 of 100, held 0', 'purchase 0 of 100, held 0', 'bonus 40 of 40, held 0', 'purchase 100 of 100, held 0'], 'each lot gets back what was taken of it');

-- What runs hold is left to them.
select tests.free(tests.make_payer()) as fay_id \gset
select tests.paid_pack(:'fay_id', 'pi_fay', 'small', 500) \g /dev/null
select tests.hold(:'fay_id', 85) as run \gset
select tests.advance('1 minute'), tests.refunded(:'fay_id', 'pi_fay', 500, 500) \g /dev/null
select is(tests.lots(:'fay_id'), array['signup 5 of 5, held 5', 'purchase 80 of 100, held 80'], 'a refund takes what no run holds');
select is(tests.debt('pi_fay'), 'owed 100: taken 20, due 80, short 0; suspended 0', 'the rest is due');
select tests.release(:'fay_id', :'run') \g /dev/null
select is(tests.lots(:'fay_id'), array['signup 5 of 5, held 0', 'purchase 0 of 100, held 0'], 'and taken when the run gives it back');
select tests.free(tests.make_payer()) as gus_id \gset
select tests.paid_pack(:'gus_id', 'pi_gus', 'small', 500) \g /dev/null
select tests.hold(:'gus_id', 85) as run \gset
select tests.advance('1 minute'), tests.refunded(:'gus_id', 'pi_gus', 500, 500), tests.settle(:'gus_id', :'run') \g /dev/null
select is(tests.debt('pi_gus'), 'owed 100: taken 20, due 0, short 80; suspended 0', 'what the run spent is short');
select is(tests.balance(:'gus_id') ->> 'available', '0', 'and nothing is left');

-- What comes back to a lot under dispute is suspended there.
select tests.make_payer('kay@scrip.example') as kay_id \gset
select tests.paid_pack(:'kay_id', 'pi_kay_1', 'small', 500) \g /dev/null
select tests.spend(:'kay_id', 85) \g /dev/null
select tests.advance('1 minute');
select tests.paid_pack(:'kay_id', 'pi_kay_2', 'small', 500) \g /dev/null
select tests.refunded(:'kay_id', 'pi_kay_1', 500, 500) \g /dev/null
select tests.disputed('pi_kay_2', 500, 'needs_response') \g /dev/null
select tests.advance('1 minute');
select tests.deliver(tests.event('refund.failed', tests.refund('re_kay', 'pi_kay_1', 500, 'failed', engine.now() - interval '1 minute'))) \g /dev/null
select is(
  (select sum(least(g.remaining, y.suspended)) - sum(g.suspended) from playground.grants g join playground.payments y on y.account_id = g.account_id and y.purchase_id = g.purchase_id where y.payment_intent_id = 'pi_kay_2'),
  0::numeric, 'what a failed refund of one pack gives back to another is suspended while that one is disputed');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
