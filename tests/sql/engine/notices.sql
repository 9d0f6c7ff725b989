begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as person \gset
select tests.make_user() as other \gset

select engine.write_notice(:'person', 'refund', 'pi_1:400', '{"credits": 100}', engine.now()) \g /dev/null
select engine.write_notice(:'person', 'refund', 'pi_1:400', '{"credits": 999}', engine.now()) \g /dev/null
select is((count(*), min(details::text), min(state::text), min(next_try_at))::text, (1, '{"credits": 100}', 'due', engine.now())::text, 'a message is written once for a person, kind and subject')
from playground.notices;
select engine.write_notice(:'person', 'refund', 'pi_1:500', '{}', engine.now()) \g /dev/null
select engine.write_notice(:'person', 'dispute', 'pi_1:400', '{}', engine.now()) \g /dev/null
select engine.write_notice(:'other', 'refund', 'pi_1:400', '{}', engine.now()) \g /dev/null
select is(count(*), 4::bigint, 'another subject, kind or person is another message') from playground.notices;
select is(count(email), 0::bigint, 'the address is taken when it is sent') from playground.notices;
select engine.write_notice(:'person', 'gift_waiting', 'g', '{}', engine.now(), 'somebody@scrip.example') \g /dev/null
select is(email, 'somebody@scrip.example', 'but for somebody who is not registered') from playground.notices where kind = 'gift_waiting';

select engine.notify_payer(:'other', 'past_due', 's', '{}', engine.now()) \g /dev/null
select is(user_id::text, :'other'::text, 'a person''s account is told by telling the person') from playground.notices where kind = 'past_due';
select (api.create_organization(:'person', 'Told') ->> 'id') as organization \gset
select api.add_member(:'person', :'organization', (select email from playground.users where user_id = :'other'), 'admin') \g /dev/null
select engine.notify_payer(:'organization', 'past_due', 'o', '{}', engine.now()) \g /dev/null
select is(array_agg(user_id::text), array[:'person'::text], 'an organisation''s by telling its owners') from playground.notices where kind = 'past_due' and subject = 'o';

select is(engine.pause_after(attempts), pause::interval, format('after %s tries the pause is %s', attempts, pause))
from (values (1, '1 minute'), (2, '2 minutes'), (9, '256 minutes'), (1000, '6 hours')) as listed (attempts, pause);
select * from finish();
rollback;
