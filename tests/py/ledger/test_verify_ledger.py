"""admin.verify_ledger() names each broken invariant, and nothing else: not in healthy books, not under load."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString, cast

import pytest

from tests.py.ledger import world
from tests.py.ledger.books import Books, write_books
from tests.py.ledger.world import Caller, call
from tests.py.support.database import Database


@dataclass(frozen=True)
class Corruption:
    """Statements that break an invariant in the books of one account, past constraints and triggers."""

    invariant: str
    what: str
    statements: str
    is_told_since: bool = True


# Rows of the books: what statements name with a colon.
PLACES = {
    ":signup": "account_id = :account and source = 'signup'",
    ":open": "account_id = :account and status = 'open'",
    ":of_last_spend": """account_id = :account and number = (
        select max(number) from playground.transactions where account_id = :account and type = 'spend')""",
    ":of_last_run": """account_id = :account and hold_id = (
        select hold_id from playground.holds
        where account_id = :account and charged > 0
        order by spend_number desc
        limit 1)""",
}

# A gift to oneself of the signup grant, which no door makes.
GIFT = """
        insert into playground.gifts (
          account_id, gift_id, user_id, to_account_id, to_email_hash, credits, state, sent_at, ended_at)
        values (
          :account, '00000000-0000-4000-8000-000000000000', :account, :account, '', 5, '{state}', engine.now(),
          case when '{state}' = 'arrived' then engine.now() end);
        insert into playground.gift_parts (
          account_id, gift_id, position, payment_intent_id, purchase_id, grant_id, credits, to_grant_id, wanted, taken)
        select
          account_id, '00000000-0000-4000-8000-000000000000', 1, 'pi_none', gen_random_uuid(), grant_id, 5, grant_id,
          {wanted}, {taken}
        from playground.grants where :signup"""

# A pack that nobody bought, which no door makes.
PURCHASE = """
        insert into playground.purchases (
          account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status,
          payment_intent_id, number, requested_at, succeeded_at)
        values (
          :account, gen_random_uuid(), :account, 'medium', 'Medium', 250, 1000, 'usd', 0.7, 'succeeded',
          'pi_of_nobody', 1, engine.now(), engine.now())"""
PAYMENT = """
        insert into playground.payments (
          account_id, payment_intent_id, purchase_id, currency, paid_cents, paid_at, credits, refunded_cents,
          owed, taken, shortfall, suspended)
        values (
          :account, 'pi_of_nobody', gen_random_uuid(), 'usd', 1000, engine.now(), 250, {refunded}, {owed}, {taken},
          {shortfall}, {suspended})"""

CORRUPTIONS = [
    Corruption(
        "grant_remaining_is_its_parts",
        "a credit taken from a grant without a line",
        "update playground.grants set remaining = remaining - 1 where :signup",
    ),
    Corruption(
        "grant_remaining_is_its_parts",
        "a part of a line that is gone",
        "delete from playground.transaction_parts where :of_last_spend",
    ),
    Corruption(
        "grant_is_bounded",
        "more suspended than remains",
        """
        alter table playground.grants drop constraint grants_held_and_suspended_are_covered;
        update playground.grants set suspended = remaining + 1 where :signup""",
    ),
    Corruption(
        "grant_is_bounded",
        "more held than remains",
        """
        alter table playground.grants drop constraint grants_held_and_suspended_are_covered;
        update playground.grants set held = remaining + 1 where :signup""",
    ),
    Corruption(
        "grant_is_bounded",
        "more remaining than was granted",
        """
        alter table playground.grants drop constraint grants_held_and_suspended_are_covered;
        update playground.grants set granted = remaining - 1 where :signup""",
    ),
    Corruption(
        "grant_held_is_open_holds",
        "a credit held for nobody",
        "update playground.grants set held = held + 1 where :signup",
    ),
    Corruption(
        "grant_held_is_open_holds",
        "an open hold whose credits are free",
        "update playground.grants set held = 0 where account_id = :account and held > 0",
    ),
    Corruption(
        "grant_expired_is_empty",
        "an expiry that left credits",
        "update playground.grants set expired_at = granted_at where :signup",
    ),
    Corruption(
        "grant_knows_its_last_line",
        "a grant that points to a line not its own",
        "update playground.grants set last_number = last_number + 1000 where :signup",
    ),
    Corruption(
        "transactions_have_no_gaps",
        "a line that is gone",
        "delete from playground.transactions where account_id = :account and number = 2",
    ),
    Corruption(
        "transactions_have_no_gaps",
        "the first line gone",
        "delete from playground.transactions where account_id = :account and number = 1",
    ),
    Corruption(
        "balance_follows_amounts",
        "a balance written by hand",
        """
        update playground.transactions set balance_after = balance_after + 1
        where :of_last_spend""",
    ),
    Corruption(
        "time_never_runs_backwards",
        "an effect before the line before",
        """
        update playground.transactions set effective_at = effective_at - interval '3 months'
        where :of_last_spend""",
    ),
    Corruption(
        "time_never_runs_backwards",
        "a line posted before the line before",
        """
        update playground.transactions set posted_at = posted_at - interval '3 months'
        where :of_last_spend""",
    ),
    Corruption(
        "transaction_is_its_parts",
        "a line of more than its parts",
        "update playground.transactions set amount = amount - 1 where :of_last_spend",
    ),
    Corruption(
        "balance_is_what_remains",
        "an account that thinks it has one more",
        "update playground.accounts set last_balance = last_balance + 1 where account_id = :account",
    ),
    Corruption(
        "balance_is_what_remains",
        "the last line gone, which leaves no gap",
        "delete from playground.transactions where :of_last_spend",
    ),
    Corruption(
        "due_is_known",
        "an account that forgot what falls due",
        "update playground.accounts set next_due_at = 'infinity' where account_id = :account",
    ),
    Corruption(
        "budget_held_is_open_holds",
        "cost budget held for nobody",
        """
        update playground.accounts set cost_budget_usd = 1, cost_budget_held_usd = 0.5
        where account_id = :account""",
    ),
    Corruption(
        "hold_is_its_parts",
        "a hold of more than its parts",
        "update playground.holds set credits = credits + 1 where :of_last_run",
    ),
    Corruption(
        "charge_is_its_transaction",
        "a charge that the history does not know",
        "update playground.holds set charged = charged - 1 where :of_last_run",
    ),
    Corruption(
        "charge_is_its_transaction",
        "a charge of more than was held",
        """
        alter table playground.holds drop constraint holds_charge_is_covered;
        update playground.holds set charged = credits + 1 where :of_last_run""",
    ),
    Corruption(
        "charge_is_its_transaction",
        "a hold that points to another's line",
        "update playground.transactions set hold_id = gen_random_uuid() where :of_last_spend",
    ),
    Corruption(
        "hold_has_one_usage",
        "a settled run without usage",
        "delete from playground.usage where :of_last_run",
    ),
    Corruption(
        "hold_has_one_usage",
        "a usage row of another charge",
        "update playground.usage set credits = credits + 1 where :of_last_run",
    ),
    Corruption(
        "hold_ends_in_time",
        "a hold that nobody ended",
        "update playground.holds set expires_at = engine.now() - interval '121 seconds' where :open",
    ),
    Corruption(
        "spend_has_one_hold",
        "a spend of no run",
        "update playground.holds set spend_number = null where :of_last_run",
    ),
    Corruption(
        "answer_runs_with_its_hold",
        "a key that runs for ever",
        """
        update playground.answers set state = 'running', status = null, body = null, finished_at = null
        where user_id = :account and state = 'answered'""",
    ),
    Corruption(
        "burn_order_is_kept",
        "signup credits held while monthly ones are free",
        """
        update playground.grants g set held = g.held - p.credits
        from playground.hold_parts p
        join playground.holds h using (account_id, hold_id)
        where h.account_id = :account and h.status = 'open' and g.account_id = p.account_id and g.grant_id = p.grant_id;
        update playground.hold_parts set grant_id = (select grant_id from playground.grants where :signup)
        where hold_id = (select hold_id from playground.holds where :open);
        update playground.grants set held = held + (select credits from playground.holds where :open) where :signup""",
    ),
    Corruption(
        "period_is_granted_once",
        "a grant of no period",
        "delete from playground.periods where account_id = :account and number = 2",
    ),
    Corruption(
        "period_is_granted_once",
        "two periods that overlap",
        """
        update playground.periods set period_start = period_start - interval '1 day'
        where account_id = :account and number = 2""",
    ),
    Corruption(
        "period_is_granted_once",
        "one grant for two periods",
        """
        update playground.periods
        set grant_id = (select grant_id from playground.periods where account_id = :account and number = 1)
        where account_id = :account and number = 2""",
    ),
    Corruption(
        "window_is_its_runs",
        "a cost that no run had",
        "update playground.cost_windows set cost_usd = cost_usd + 0.000001 where user_id = :account and kind = 'day'",
    ),
    Corruption(
        "window_is_its_runs",
        "cost held by no run",
        "update playground.cost_windows set open_usd = open_usd + 0.01 where user_id = :account and kind = 'hour'",
    ),
    Corruption(
        "window_is_its_runs",
        "a run that was not counted",
        "update playground.cost_windows set runs = runs - 1 where user_id = :account and kind = 'month'",
    ),
    Corruption(
        "window_is_its_runs",
        "bought budget that paid for no run",
        "update playground.cost_windows set budget_usd = budget_usd + 0.01 where user_id = :account and kind = 'month'",
    ),
    Corruption(
        "window_is_its_runs",
        "bought budget held by no run",
        "update playground.cost_windows set budget_open_usd = 0.01 where user_id = :account and kind = 'day'",
    ),
    Corruption(
        "window_is_its_runs",
        "a month that is gone",
        "delete from playground.cost_windows where user_id = :account and kind = 'month'",
    ),
    Corruption(
        "gift_is_its_parts",
        "a gift of nothing",
        """
        insert into playground.gifts (account_id, gift_id, user_id, to_email_hash, credits, state, sent_at)
        values (:account, gen_random_uuid(), :account, '', 5, 'waiting', engine.now())""",
    ),
    Corruption(
        "gift_has_its_lines",
        "a line of no gift",
        "update playground.transactions set type = 'gift' where account_id = :account and number = 2",
    ),
    Corruption(
        "gift_has_its_lines",
        "a gift that left without a line",
        """
        insert into playground.gifts (account_id, gift_id, user_id, to_email_hash, credits, state, sent_at)
        values (:account, gen_random_uuid(), :account, '', 5, 'waiting', engine.now())""",
    ),
    Corruption(
        "gift_grant_is_its_part",
        "a grant of no gift",
        "update playground.grants set source = 'gift', gift_id = gen_random_uuid() where :signup",
    ),
    Corruption("gift_grant_is_its_part", "a gift that made no grant", GIFT.format(state="arrived", wanted=0, taken=0)),
    Corruption(
        "gift_taken_is_its_lines",
        "credits taken back of a gift without a line",
        GIFT.format(state="arrived", wanted=3, taken=3),
    ),
    Corruption(
        "gift_part_is_asked_for",
        "credits asked back that nobody will take",
        GIFT.format(state="arrived", wanted=3, taken=0),
    ),
    Corruption(
        "gift_part_is_asked_for",
        "a gift on its way that gave less than asked",
        GIFT.format(state="sent", wanted=3, taken=0),
    ),
    Corruption(
        "promo_grant_is_a_redemption",
        "credits of a code that nobody redeemed",
        "update playground.grants set source = 'promo' where :signup",
    ),
    Corruption(
        "redemption_has_its_line",
        "a redemption that brought nothing",
        """
        insert into playground.promo_codes (code_key, code, credits, max_redemptions, redemptions, created_at)
        values ('WELCOME', 'WELCOME', 5, 1, 1, engine.now());
        insert into playground.promo_redemptions (code_key, person_hash, account_id, user_id, number, redeemed_at)
        values ('WELCOME', '', :account, :account, 1, engine.now())""",
    ),
    Corruption(
        "code_counts_its_redemptions",
        "a redemption by nobody",
        """
        insert into playground.promo_codes (code_key, code, credits, max_redemptions, redemptions, created_at)
        values ('WELCOME', 'WELCOME', 5, 1, 1, engine.now())""",
        is_told_since=False,
    ),
    Corruption(
        "gifts_are_conserved",
        "credits under way that nobody sent",
        """
        insert into playground.gifts (account_id, gift_id, user_id, to_email_hash, credits, state, sent_at)
        values (:account, gen_random_uuid(), :account, '', 5, 'waiting', engine.now())""",
        is_told_since=False,
    ),
    Corruption("payment_is_credited_once", "a paid pack without its credits", PURCHASE),
    Corruption(
        "payment_is_credited_once",
        "bought credits of no purchase",
        "update playground.grants set source = 'purchase', purchase_id = gen_random_uuid() where :signup",
    ),
    Corruption(
        "revoked_is_what_is_owed",
        "a refund that nobody paid for",
        PAYMENT.format(refunded=400, owed=100, taken=0, shortfall=0, suspended=0),
    ),
    Corruption(
        "revoked_is_what_is_owed",
        "credits taken for a refund from no lot",
        PAYMENT.format(refunded=400, owed=100, taken=100, shortfall=0, suspended=0),
    ),
    Corruption(
        "revoked_is_what_is_owed",
        "a refund that owes too little",
        PAYMENT.format(refunded=400, owed=99, taken=0, shortfall=99, suspended=0),
    ),
    Corruption(
        "revoked_is_what_is_owed",
        "credits suspended by no dispute",
        PAYMENT.format(refunded=0, owed=0, taken=0, shortfall=0, suspended=1),
    ),
    Corruption(
        "budget_is_purchases_less_runs",
        "cost budget that nobody bought",
        "update playground.accounts set cost_budget_usd = cost_budget_usd + 0.01 where account_id = :account",
    ),
    Corruption(
        "debts_are_known",
        "a shortfall that the account forgot",
        PAYMENT.format(refunded=400, owed=100, taken=0, shortfall=100, suspended=0),
    ),
    Corruption(
        "event_is_handled_or_parked",
        "an event that nobody tries again",
        """
        insert into playground.stripe_event_ids (event_id, received_at) values ('evt_lost', engine.now());
        insert into playground.stripe_events (received_at, event_id, state, reason, account_id, payload)
        values (engine.now(), 'evt_lost', 'parked', 'unknown_payment', :account, '{}')""",
    ),
    Corruption(
        "credits_are_conserved",
        "a grant from nowhere",
        "update playground.grants set granted = granted + 1, remaining = remaining + 1 where :signup",
        is_told_since=False,
    ),
    Corruption(
        "credit_flow_is_the_ledger",
        "a line that the analysts' sums forgot",
        "delete from rollup.ledger_changes where account_id = :account and number = 2",
        is_told_since=False,
    ),
    Corruption(
        "usage_sums_are_the_runs",
        "a run that the analysts' sums forgot",
        "delete from rollup.usage_changes where account_id = :account",
        is_told_since=False,
    ),
]


@pytest.fixture(scope="module")
def books(ledger: Database) -> Iterator[Books]:
    world.new_user(ledger, credits=3)
    yield write_books(ledger)
    ledger.clock.release()


def violations(books: Books, statements: str, since: datetime | None) -> list[tuple[str, str | None]]:
    """What verify_ledger says of the books with the statements done to them, none of which stays."""
    with books.database.connect("postgres") as connection, connection.transaction(force_rollback=True):
        connection.execute("set local session_replication_role = replica")
        for name, rows in PLACES.items():
            statements = statements.replace(name, rows)
        connection.execute(cast(LiteralString, statements.replace(":account", f"'{books.user_id}'")))
        query = call("admin.verify_ledger", since=since)
        rows = connection.execute(query.text, query.arguments).fetchall()
    return [(invariant, None if account_id is None else str(account_id)) for invariant, account_id, _ in rows]


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "since"])
@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: f"{c.invariant}: {c.what}")
def test_names_what_is_broken_and_whose_it_is(books: Books, corruption: Corruption, is_whole: bool) -> None:
    named = violations(books, corruption.statements, None if is_whole else books.begin)
    whose = str(books.user_id) if corruption.is_told_since else None
    assert ((corruption.invariant, whose) in named) is (is_whole or corruption.is_told_since)
    assert {account_id for _, account_id in named} <= {str(books.user_id), None}


def test_every_invariant_is_tried(ledger: Database) -> None:
    bodies = ledger.rows("""
        select prosrc from pg_catalog.pg_proc
        where oid = 'admin.verify_ledger'::regproc or pronamespace = 'engine'::regnamespace and proname ~ '^verify_'
    """)
    named = {name for (body,) in bodies for name in re.findall(r"\bselect\s+'([a-z_]+)',", body)}
    assert named == {corruption.invariant for corruption in CORRUPTIONS}


def test_is_quiet_in_healthy_books(books: Books) -> None:
    books.database.assert_ledger_holds()
    assert books.database.rows("select * from admin.verify_ledger(%s)", [books.begin]) == []


def test_since_leaves_out_whom_nobody_touched(books: Books) -> None:
    statements = "update playground.accounts set last_balance = last_balance + 1 where account_id = :account"
    assert violations(books, statements, books.database.clock.now() + timedelta(seconds=1)) == []


def test_a_hold_that_nobody_ended_is_named_however_long_ago_its_account_was_touched(books: Books) -> None:
    statements = "update playground.holds set expires_at = engine.now() - interval '121 seconds' where :open"
    named = violations(books, statements, books.database.clock.now() + timedelta(seconds=1))
    assert named == [("hold_ends_in_time", str(books.user_id))]


def test_the_history_of_a_clock_that_stood_back_is_no_violation(ledger: Database) -> None:
    """A clock set back gives all calls of an account one instant until it has caught up again."""
    ledger.clock.advance(timedelta(minutes=1))
    user_id = world.new_user(ledger)
    with ledger.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        gateway.get(world.reserve(user_id))
        with ledger.connect() as owner:
            Caller(owner).get(
                call("admin.set_plan", user_id=user_id, plan_price="prpm_plus_org", anchor=None, reason="for a test")
            )
        held = gateway.get(world.reserve(user_id))
        gateway.get(world.settle(user_id, held.hold_id))
    ledger.assert_ledger_holds()
