"""scripts/reconcile: what Stripe knows and the books lack, shown or brought in."""

import argparse
import json
import os
import sys
from collections import Counter

import psycopg
import stripe

from scripts.billing.feeding import Found, feed
from scripts.billing.listing import Listing
from scripts.setup.address import database_url
from scripts.setup.console import SetupError, say, step
from scripts.setup.paths import data_home
from scripts.setup.stripe import SIMULATED_KEY

MAX_RETRIES = 3
LONGEST_DAYS = 3650
COLUMNS = "{:<32} {:<34} {:<9} {}"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/reconcile",
        description="Lists what Stripe has of the last days and shows what the books lack; with --apply it is brought "
        "in, each once. The account is that of STRIPE_SECRET_KEY, else the simulated one of scripts/serve. "
        "Status 1 when something is parked or could not be asked.",
    )
    parser.add_argument("--days", type=int, required=True, metavar="N", help="how many days the webhooks were lost for")
    parser.add_argument("--apply", action="store_true", help="change the books; without it everything is rolled back")
    options = parser.parse_args(arguments)
    if not 1 <= options.days <= LONGEST_DAYS:
        parser.error(f"--days must be from 1 to {LONGEST_DAYS}")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    client = connect()
    try:
        with step("reading what Stripe has"):
            items = Listing(client, options.days).items()
    except stripe.StripeError as error:
        # Its own words may quote the key.
        said = error.code or type(error).__name__
        raise SetupError(f"Stripe could not be read: {said} ({error.request_id or 'no answer'})") from None
    reason = f"scripts/reconcile --days {options.days}"
    counts: Counter[str] = Counter()
    with psycopg.connect(database_url("scrip_operator"), autocommit=True) as connection:
        for found in feed(connection, items, reason=reason, is_applied=options.apply):
            word = verdict(found, is_applied=options.apply)
            counts[word] += 1
            if word != "known":
                print(COLUMNS.format(found.item.type, found.item.object["id"], word, found.reason or ""), flush=True)
    print(summary(counts, is_applied=options.apply), flush=True)
    return 1 if counts["parked"] or counts["failed"] else 0


def connect() -> stripe.StripeClient:
    """Stripe's API, or the simulator that scripts/serve runs. Raises SetupError when there is neither."""
    stripe.enable_telemetry = False
    key, address = os.environ.get("STRIPE_SECRET_KEY"), os.environ.get("STRIPE_BASE_URL")
    if not key:
        key, address = SIMULATED_KEY, simulator_address()
        say(f"no STRIPE_SECRET_KEY: reading the simulated account at {address}")
    return stripe.StripeClient(
        key, base_addresses={"api": address} if address else None, max_network_retries=MAX_RETRIES
    )


def simulator_address() -> str:
    try:
        address = json.loads((data_home() / "serve" / "state.json").read_text())["stripe"]
    except (OSError, ValueError, KeyError):
        address = None
    if not address:
        raise SetupError("STRIPE_SECRET_KEY is missing, and no scripts/serve with a simulated Stripe runs here")
    return address


def verdict(found: Found, *, is_applied: bool) -> str:
    """One word for what became of an object."""
    if found.outcome in ("parked", "failed"):
        return found.outcome
    if not found.is_change:
        return "known"
    return "repaired" if is_applied else "lacking"


def summary(counts: Counter[str], *, is_applied: bool) -> str:
    changed = "repaired" if is_applied else "lacking"
    words = [changed, "parked", *(["failed"] if counts["failed"] else []), "known"]
    text = f"{counts.total()} objects at Stripe: " + ", ".join(f"{counts[word]} {word}" for word in words)
    return text if is_applied or not counts["lacking"] else f"{text}; --apply brings them in"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
