"""What people are shown, as the model has it."""

from decimal import Decimal
from typing import Any

from tests.py.ledger.model import Account, iso
from tests.py.ledger.pricing import Money
from tests.py.ledger.subjects import Grant, Hold

DETAILS = {"answered_model": None, "stop_reason": "end_turn", "duration_ms": 7, "is_simulated": True}
HISTORY = ("number", "type", "amount", "balanceAfter", "sessionId", "createdAt")


def kept(grant: Grant) -> tuple[Any, ...]:
    return (
        grant.bucket,
        grant.source,
        grant.granted,
        grant.remaining,
        grant.held,
        grant.suspended,
        grant.expires_at,
        grant.expired_at,
    )


def expected_history(account: Account) -> list[dict[str, Any]]:
    lines = [
        (
            number,
            line.type,
            line.amount,
            line.balance_after,
            line.session_id and str(line.session_id),
            iso(line.posted_at),
        )
        for number, line in enumerate(account.lines, 1)
    ]
    return [dict(zip(HISTORY, line, strict=True)) for line in reversed(lines[-100:])]


def body_of(hold: Hold, response: str) -> dict[str, Any]:
    tokens = hold.tokens
    assert tokens is not None
    return {
        "id": str(hold.hold_id),
        "conversationId": str(hold.session_id),
        "response": response,
        "creditsSpent": hold.charged,
        "creditsRemaining": hold.balance_after,
        "tokensUsed": tokens.total,
        "usage": {
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "cacheReadTokens": tokens.cache_read,
            "cacheWriteTokens": tokens.cache_write,
        },
        "costUsd": Decimal(hold.cost.numerator) / hold.cost.denominator,
        "durationMs": hold.details["duration_ms"],
        "model": hold.request.model,
        "stopReason": hold.details["stop_reason"],
        "simulated": hold.details["is_simulated"],
    }


def shown(balance: dict[str, Any]) -> dict[str, Any]:
    return {**balance, "costBudgetUsd": Money(balance["costBudgetUsd"])}


def expected_balance(account: Account) -> dict[str, Any]:
    grants = account.grants
    plan = account.plan
    current = [grant for grant in grants if grant.bucket == "monthly" and grant.expired_at is None]
    remaining = {
        bucket: sum(grant.remaining for grant in grants if grant.bucket == bucket)
        for bucket in ("monthly", "rollover", "purchased")
    }
    rolled = [
        g.expires_at for g in grants if g.bucket == "rollover" and g.remaining and not g.expired_at and g.expires_at
    ]
    expiring = [g for g in grants if g.expires_at and not g.expired_at and g.remaining > g.held]
    expiries = [grant.expires_at for grant in expiring if grant.expires_at]
    next_expiry = None
    if expiries:
        at = min(expiries)
        credits = sum(grant.remaining - grant.held for grant in expiring if grant.expires_at == at)
        next_expiry = {"credits": credits, "at": iso(at)}
    return {
        "balance": account.balance,
        "held": sum(grant.held for grant in grants),
        "suspended": sum(grant.suspended for grant in grants),
        "available": account.available(),
        "costBudgetUsd": Money(0),
        "monthly": {
            "allocated": sum(grant.granted for grant in current),
            "used": sum(grant.granted - grant.remaining for grant in current),
            "remaining": sum(grant.remaining for grant in current),
            "resetAt": iso(plan.period_end) if plan and plan.periods else None,
        },
        "rollover": {"amount": remaining["rollover"], "expiresAt": iso(min(rolled)) if rolled else None},
        "purchased": remaining["purchased"],
        "breakdown": remaining,
        "nextExpiry": next_expiry,
    }
