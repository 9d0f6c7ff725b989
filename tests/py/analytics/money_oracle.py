"""What the views on money and credits should say, counted line by line from the ledger and from Stripe's objects."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from psycopg.rows import namedtuple_row

from tests.py.support.database import Database

Row = Any
PLACES = Decimal("1e-12")
INSTANT = timedelta(microseconds=1)
TABLES = [
    "checkouts",
    "disputes",
    "gifts",
    "gift_parts",
    "grants",
    "holds",
    "invoices",
    "organization_members",
    "payments",
    "periods",
    "plan_prices",
    "plans",
    "purchases",
    "refunds",
    "stripe_events",
    "subscriptions",
    "transaction_parts",
    "transactions",
    "usage",
    "users",
]


def month_of(instant: datetime) -> datetime:
    return datetime(instant.year, instant.month, 1, tzinfo=UTC)


def day_of(instant: datetime) -> datetime:
    return datetime(instant.year, instant.month, instant.day, tzinfo=UTC)


def next_month(month: datetime) -> datetime:
    return month_of(month + timedelta(days=31))


def months(first: datetime, last: datetime) -> list[datetime]:
    found = [month_of(first)]
    while next_month(found[-1]) <= last:
        found.append(next_month(found[-1]))
    return found


def percent(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    return None if not whole else places(Decimal(100) * part / whole, "0.01")


def places(value: Decimal, unit: str) -> Decimal:
    return value.quantize(Decimal(unit), ROUND_HALF_UP)


def average(total: int | Decimal, count: int, unit: str) -> Decimal | None:
    return places(Decimal(total) / count, unit) if count else None


class Oracle:
    """All rows of one database, at the instant its clock shows."""

    def __init__(self, database: Database) -> None:
        self.now = database.clock.now().astimezone(UTC)
        self.rows: dict[str, list[Row]] = {}
        with database.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            cursor = connection.cursor(row_factory=namedtuple_row)
            for table in TABLES:
                self.rows[table] = cursor.execute(f"select * from playground.{table}").fetchall()  # type: ignore[arg-type]
        self.grants = {(g.account_id, g.grant_id): g for g in self.rows["grants"]}
        self.lines = {(t.account_id, t.number): t for t in self.rows["transactions"]}
        self.purchases = {p.purchase_id: p for p in self.rows["purchases"]}
        self.invoices = {(i.account_id, i.invoice_id): i for i in self.rows["invoices"]}
        self.subscriptions = {(s.account_id, s.subscription_id): s for s in self.rows["subscriptions"]}
        self.prices = {key: self._price(g) for key, g in self.grants.items()}

    def _price(self, grant: Row) -> tuple[str, Decimal]:
        """Currency and price of one credit of a lot."""
        cents, credits, currency = 0, 1, "none"
        if grant.purchase_id is not None:
            purchase = self.purchases[grant.purchase_id]
            cents, credits, currency = purchase.price_cents, purchase.credits, purchase.currency
        elif grant.source in ("period", "rollover"):
            origin = grant if grant.from_grant_id is None else self.grants[grant.account_id, grant.from_grant_id]
            for period in self.rows["periods"]:
                if (period.account_id, period.grant_id) == (origin.account_id, origin.grant_id) and period.invoice_id:
                    invoice = self.invoices[period.account_id, period.invoice_id]
                    cents, credits, currency = invoice.paid_cents, origin.granted, invoice.currency
        return currency, (Decimal(cents) / (100 * credits)).quantize(PLACES, ROUND_HALF_UP)

    # ---------------------------------------------------------------------------------------------------- credit_flow
    def credit_flow(self) -> dict[Any, dict[str, Any]]:
        flows: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for line in self.rows["transactions"]:
            is_restored = line.description.startswith("Monthly credits restored")
            flows[month_of(line.effective_at)]["restore" if is_restored else line.type] += line.amount
        rolled: dict[datetime, int] = defaultdict(int)
        for part in self.rows["transaction_parts"]:
            line = self.lines[part.account_id, part.number]
            if line.type == "rollover" and part.amount > 0:
                rolled[month_of(line.effective_at)] += part.amount
        found, balance, under_way = {}, 0, 0
        for month in months(min(flows), self.now):
            flow = flows[month]
            opening, balance = balance, balance + sum(flow.values())
            under_way -= flow["gift"]
            granted = sum(flow[kind] for kind in ("signup", "monthly", "purchase", "bonus", "admin"))
            found[month,] = {
                "opening": opening, "signup": flow["signup"], "monthly": flow["monthly"], "purchased": flow["purchase"],
                "bonus": flow["bonus"], "admin": flow["admin"], "granted": granted, "spent": -flow["spend"],
                "expired": -flow["expire"] - flow["restore"], "refunded": -flow["refund"], "gifts_left": -flow["gift"],
                "closing": balance, "difference": 0, "gifts_under_way": under_way, "rolled_over": rolled[month],
            }  # fmt: skip
        return found

    # ----------------------------------------------------------------------------------------------- deferred_revenue
    def deferred_revenue(self) -> dict[Any, dict[str, Any]]:
        found: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
        names = {"spend": "recognised", "expire": "breakage", "refund": "refunded"}
        for part in self.rows["transaction_parts"]:
            line = self.lines[part.account_id, part.number]
            currency, price = self.prices[part.account_id, part.grant_id]
            name = "breakage" if line.description.startswith("Monthly credits restored") else names.get(line.type)
            if name and currency != "none":
                found[self._source(part), currency][name] -= part.amount * price
        for grant in self.rows["grants"]:
            currency, price = self.prices[grant.account_id, grant.grant_id]
            if currency != "none":
                row = found[self._source(grant), currency]
                row["deferred"] += grant.remaining * price
                row["credits"] += grant.remaining
        under_way = {(g.account_id, g.gift_id) for g in self.rows["gifts"] if g.ended_at is None}
        for part in self.rows["gift_parts"]:
            if (part.account_id, part.gift_id) in under_way:
                currency, price = self.prices[part.account_id, part.grant_id]
                found["pack", currency]["deferred"] += part.credits * price
                found["pack", currency]["credits"] += part.credits
        for purchase in self.rows["purchases"]:
            if purchase.status == "succeeded":
                price = self.prices[
                    next(key for key, g in self.grants.items() if g.purchase_id == purchase.purchase_id)
                ]
                row = found["pack", purchase.currency]
                row["paid"] += Decimal(purchase.price_cents) / 100
                row["rounding"] += Decimal(purchase.price_cents) / 100 - purchase.credits * price[1]
        back = {p.invoice_id: p.refunded_cents + p.lost_cents for p in self.rows["payments"] if p.invoice_id}
        for invoice in self.rows["invoices"]:
            self._add_invoice(found, invoice, back.get(invoice.invoice_id, 0))
        for payment in self.rows["payments"]:
            if payment.purchase_id and payment.paid_at:
                money = Decimal(payment.refunded_cents + payment.lost_cents) / 100
                found["pack", payment.currency]["money_back"] += money
        return found

    def _source(self, part: Row) -> str:
        return "plan" if self.grants[part.account_id, part.grant_id].subscription_id else "pack"

    def _add_invoice(self, found: dict[Any, dict[str, Any]], invoice: Row, back: int) -> None:
        periods = [p for p in self.rows["periods"] if p.invoice_id == invoice.invoice_id]
        paid, back_paid = Decimal(invoice.paid_cents) / 100, Decimal(back) / 100
        if periods and periods[0].grant_id:
            [period] = periods
            row = found["plan", invoice.currency]
            price = self.prices[period.account_id, period.grant_id][1]
            row["rounding"] += paid - self.grants[period.account_id, period.grant_id].granted * price
        else:
            row = found["access" if periods else "unassigned", invoice.currency]
            share = Decimal(1)
            for period in periods:
                left, whole = period.period_end - self.now, period.period_end - period.period_start
                share = max(Decimal(0), min(Decimal(1), Decimal(left.total_seconds()) / Decimal(whole.total_seconds())))
            kept = paid - min(paid, back_paid)
            deferred = (kept * share).quantize(PLACES, ROUND_HALF_UP)
            row["refunded"] += paid - kept
            row["deferred"] += deferred
            row["recognised"] += kept - deferred
        row["paid"] += paid
        row["money_back"] += back_paid

    # -------------------------------------------------------------------------------------------------------- revenue
    def flows(self) -> list[tuple[Any, str, str, str, datetime, datetime, int, int]]:
        """Account, kind, product, currency, at, paid at, cents, credits of all money."""
        found = []
        for p in self.rows["purchases"]:
            if p.status == "succeeded":
                at = p.succeeded_at
                found.append((p.account_id, "paid", "pack", p.currency, at, at, p.price_cents, p.credits))
        for i in self.rows["invoices"]:
            found.append((i.account_id, "paid", "plan", i.currency, i.paid_at, i.paid_at, i.paid_cents, 0))
        for y in self.rows["payments"]:
            if y.paid_at is None:
                continue
            left = y.refunded_cents
            made = [r for r in self.rows["refunds"] if r.payment_intent_id == y.payment_intent_id]
            for r in sorted(made, key=lambda r: (r.created_at, r.refund_id)):
                if r.status not in ("failed", "canceled") and left:
                    cents = min(left, r.amount_cents)
                    left -= cents
                    found.append((y.account_id, "refunded", "", y.currency, r.created_at, y.paid_at, cents, 0))
            if left:
                found.append((y.account_id, "refunded", "", y.currency, y.reported_at or y.paid_at, y.paid_at, left, 0))
            for d in self.rows["disputes"]:
                if d.payment_intent_id == y.payment_intent_id and d.status == "lost":
                    found.append((y.account_id, "lost", "", y.currency, d.changed_at, y.paid_at, d.amount_cents, 0))
        return found

    def _subscribers(self, instant: datetime, *, paid: bool) -> dict[Any, tuple[str, str, int]]:
        """Who has a month of a plan that contains the instant: price, currency, cents."""
        found = {}
        for period in self.rows["periods"]:
            subscription = self.subscriptions[period.account_id, period.subscription_id]
            has_ended = subscription.ended_at is not None and subscription.ended_at <= instant
            if period.period_start <= instant < period.period_end and not has_ended:
                if paid and period.invoice_id:
                    invoice = self.invoices[period.account_id, period.invoice_id]
                    found[period.account_id] = (subscription.plan_price, invoice.currency, invoice.paid_cents)
                elif not paid and not period.invoice_id:
                    found[period.account_id] = (subscription.plan_price, "usd", 0)
        return found

    def revenue(self) -> dict[Any, dict[str, Any]]:
        flows = self.flows()
        currencies = {flow[3] for flow in flows} | {"usd"}
        begins = [flow[4] for flow in flows] + [c.requested_at for c in self.rows["checkouts"]]
        begins += [p.period_start for p in self.rows["periods"]]
        found, before = {}, {}
        for month in months(min(begins), self.now):
            end = next_month(month)
            instant = self.now if end > self.now else end - INSTANT
            live, by_hand = self._subscribers(instant, paid=True), self._subscribers(instant, paid=False)
            active = len({u.user_id for u in self.rows["usage"] if month_of(u.reserved_at) == month})
            for currency in currencies:
                here = [f for f in flows if f[3] == currency and month_of(f[4]) == month]
                sold = [f for f in here if f[1] == "paid" and f[2] == "pack"]
                gross = sum(f[6] for f in here if f[1] == "paid")
                refunds, lost = (sum(f[6] for f in here if f[1] == kind) for kind in ("refunded", "lost"))
                came_back = sum(f[6] for f in flows if f[1] != "paid" and f[3] == currency and month_of(f[5]) == month)
                mine = {who: of for who, of in live.items() if of[1] == currency}
                old = {who for who, of in before.items() if of[1] == currency}
                mrr, churned = sum(of[2] for of in mine.values()), len(old - set(live))
                net = Decimal(gross - refunds - lost) / 100
                pages = [c for c in self.rows["checkouts"] if month_of(c.requested_at) == month and currency == "usd"]
                ltv = Decimal(mrr) / 100 / len(mine) * len(old) / churned if mine and churned else None

                def of_price(name: str, mine: dict[Any, tuple[str, str, int]] = mine) -> Decimal:
                    return Decimal(sum(cents for price, _, cents in mine.values() if price == name)) / 100

                found[month, currency] = {
                    "mrr": Decimal(mrr) / 100, "mrr_individual": of_price("prpm_plus_individual"),
                    "mrr_organization": of_price("prpm_plus_org"), "mrr_verified": of_price("verified"),
                    "subscribers": len(mine), "new_subscribers": len(set(mine) - set(before)),
                    "churned_subscribers": churned, "churn_percent": percent(churned, len(old)),
                    "subscribers_by_hand": len(by_hand) if currency == "usd" else 0,
                    "packs_sold": len(sold), "credits_sold": sum(f[7] for f in sold),
                    "credits_per_purchase": average(sum(f[7] for f in sold), len(sold), "0.01"),
                    "pack_revenue": Decimal(sum(f[6] for f in sold)) / 100,
                    "plan_revenue": Decimal(gross - sum(f[6] for f in sold)) / 100, "gross": Decimal(gross) / 100,
                    "refunds": Decimal(refunds) / 100, "disputes_lost": Decimal(lost) / 100, "net": net,
                    "refund_rate_percent": percent(came_back, gross),
                    "payers": len({f[0] for f in here if f[1] == "paid"}), "active_people": active,
                    "arpu": average(net, active, "1e-6"),
                    "ltv": None if ltv is None else places(ltv, "1e-6"), "checkouts_begun": len(pages),
                    "checkouts_completed": sum(c.status == "completed" for c in pages),
                }  # fmt: skip
            before = live
        return found

    # --------------------------------------------------------------------------------------------------------- people
    def conversion(self) -> dict[Any, dict[str, Any]]:
        members = {m.user_id for m in self.rows["organization_members"]}
        ran = {u.user_id for u in self.rows["usage"]}
        bought = {p.user_id for p in self.rows["purchases"] if p.status == "succeeded"}
        paid: dict[str, set[Any]] = defaultdict(set)
        for period in self.rows["periods"]:
            if period.invoice_id:
                paid[self.subscriptions[period.account_id, period.subscription_id].plan_price].add(period.account_id)
        groups: dict[Any, set[Any]] = defaultdict(set)
        for user in self.rows["users"]:
            segment = "organization" if user.user_id in members else "individual"
            groups[month_of(user.created_at), segment].add(user.user_id)
        subscribed = paid["prpm_plus_individual"] | paid["prpm_plus_org"]
        return {
            key: {
                "registered": len(who), "ran": len(who & ran), "purchased": len(who & bought),
                "ran_and_purchased": len(who & ran & bought), "subscribed": len(who & subscribed),
                "subscribed_individual": len(who & paid["prpm_plus_individual"]),
                "subscribed_organization": len(who & paid["prpm_plus_org"]),
                "ran_percent": percent(len(who & ran), len(who)),
                "purchased_percent": percent(len(who & bought), len(who)),
                "purchased_of_ran_percent": percent(len(who & ran & bought), len(who & ran)),
                "subscribed_percent": percent(len(who & subscribed), len(who)),
            }
            for key, who in groups.items()
        }  # fmt: skip

    def cohorts(self) -> dict[Any, dict[str, Any]]:
        cohorts: dict[datetime, set[Any]] = defaultdict(set)
        for user in self.rows["users"]:
            cohorts[month_of(user.created_at)].add(user.user_id)
        flows, found = self.flows(), {}
        for cohort, who in cohorts.items():
            total = Decimal(0)
            for number, month in enumerate(months(cohort, self.now)):
                active = {u.user_id for u in self.rows["usage"] if month_of(u.reserved_at) == month} & who
                mine = [f for f in flows if f[0] in who and f[3] == "usd" and month_of(f[4]) == month]
                revenue = Decimal(sum(f[6] if f[1] == "paid" else -f[6] for f in mine)) / 100
                total += revenue
                found[cohort, number] = {
                    "month": month, "people": len(who), "active_people": len(active),
                    "retained_percent": percent(len(active), len(who)), "revenue_usd": revenue,
                    "cumulative_revenue_usd": total,
                }  # fmt: skip
        return found

    # --------------------------------------------------------------------------------------------------------- others
    def expiring_credits(self) -> dict[Any, dict[str, Any]]:
        caps = {p.plan: p.rollover_cap for p in self.rows["plans"]}
        plans = {p.plan_price: p.plan for p in self.rows["plan_prices"]}
        found: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
        people: dict[Any, set[Any]] = defaultdict(set)
        for grant in self.rows["grants"]:
            if grant.expired_at or not grant.expires_at or not grant.remaining:
                continue
            key = day_of(grant.expires_at), grant.bucket
            credits, over = grant.remaining - grant.held, 0
            if grant.bucket == "monthly":
                plan = self.subscriptions[grant.account_id, grant.subscription_id]
                goes_on = plan.ended_at is None and (plan.ends_at is None or plan.ends_at > plan.period_end)
                if goes_on and plan.status in ("active", "trialing"):
                    over = min(credits, caps[plans[plan.plan_price]])
            currency, price = self.prices[grant.account_id, grant.grant_id]
            people[key].add(grant.account_id)
            row = found[key]
            for name, value in (("credits", credits), ("carried_over", over), ("expiring", credits - over)):
                row[name] += value
            row["held"] += grant.held
            row["people"] = len(people[key])
            row["value_usd"] += (credits - over) * price if currency == "usd" else 0
        return found

    def webhooks(self) -> dict[Any, dict[str, Any]]:
        days: dict[datetime, list[Row]] = defaultdict(list)
        for event in self.rows["stripe_events"]:
            if event.received_at >= day_of(self.now) - timedelta(days=92):
                days[day_of(event.received_at)].append(event)
        return {
            (day,): {
                "received": len(events),
                **{state: sum(e.state == state for e in events) for state in ("handled", "ignored", "parked")},
                "handled_later": sum(e.state != "parked" and e.attempts > 1 for e in events),
                "success_percent": percent(sum(e.state != "parked" for e in events), len(events)),
                "median_seconds": quantile(ended(events), Decimal("0.5")),
                "p95_seconds": quantile(ended(events), Decimal("0.95")),
            }
            for day, events in days.items()
        }

    def revenue_days(self) -> dict[Any, dict[str, Any]]:
        holds = {(h.account_id, h.hold_id): h for h in self.rows["holds"]}
        found: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
        for part in self.rows["transaction_parts"]:
            line = self.lines[part.account_id, part.number]
            if line.type == "spend":
                hold = holds[line.account_id, line.hold_id]
                currency, price = self.prices[part.account_id, part.grant_id]
                row = found[day_of(hold.reserved_at), hold.model, hold.tier]
                row["credits"] -= part.amount
                row["revenue_usd"] -= part.amount * price if currency == "usd" else 0
        return found


def ended(events: Iterable[Row]) -> list[Decimal]:
    return sorted(Decimal(str((e.handled_at - e.received_at).total_seconds())) for e in events if e.handled_at)


def quantile(values: list[Decimal], share: Decimal) -> Decimal | None:
    """Between the two values that it lies between."""
    if not values:
        return None
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return places(values[low] + (values[high] - values[low]) * (place - low), "1e-6")
