"""The events in `events/`: read as text, with our own ids in the place of the invented ones."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "events"
SHAPES = ("2026-10-28.endive", "2024-06-20")
# Part of every id of the seller's objects: another one in its place makes it another story.
SELLER = "JmT4nKxW2R"
CUSTOMER = "cus_TSp0f4Vh1nQx9e"
PAYMENT_INTENT = "pi_3SVq7bJmT4nKxW2R1dYcQ8Lf"
PRICE = "price_1SVpXqJmT4nKxW2RkN3vB7Yd"
ACCOUNT = "6f0d2a54-9b1e-4c37-8d52-3e7a90c41b68"
PURCHASE = "c2a71e90-5d38-4f6b-9e04-b81f63d27a15"
PLAN_CHECKOUT = "a94e07d3-16c8-4b2f-8f75-0d5b2e9c6347"
PACK_CHECKOUT = "e18b5c62-7f09-4d3a-a6e1-94c7d0f2b853"


def files(shape: str) -> list[Path]:
    return sorted((FOLDER / shape).glob("*.json"))


def has(shape: str, kind: str) -> bool:
    return (FOLDER / shape / f"{kind}.json").exists()


def body(shape: str, kind: str, replaced: dict[str, str] | None = None) -> bytes:
    """The bytes of one event."""
    text = (FOLDER / shape / f"{kind}.json").read_text()
    for invented, ours in (replaced or {}).items():
        text = text.replace(invented, ours)
    return text.encode()


def read(shape: str, kind: str) -> Json:
    return json.loads(body(shape, kind))
