"""A gateway without a key for Stripe sells nothing, says so before anything is written, and answers all else."""

import pytest

from tests.py.gateway.world import API, World

PAGES = {"successUrl": "http://localhost:8080/a", "cancelUrl": "http://localhost:8080/b"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/playground/credits/purchase", {"package": "medium"}),
        ("/playground/credits/purchase", {"package": "medium", **PAGES}),
        ("/playground/subscribe", PAGES),
        ("/playground/subscription/cancel", {}),
        ("/playground/subscription/resume", {}),
        ("/playground/subscription/portal", {"returnUrl": PAGES["successUrl"]}),
    ],
)
async def test_without_stripe_nothing_is_sold(world: World, path: str, body: dict[str, str]):
    ann = world.person(0)
    reply = await world.post(API + path, body, ann, headers={"Idempotency-Key": "a"})
    assert (reply.status, reply.error) == (503, "billing_unavailable")
    for table in ("purchases", "checkouts", "customers"):
        assert world.value(f"select count(*) from playground.{table} where account_id = %s", ann.id) == 0
    assert world.value("select count(*) from playground.answers where user_id = %s", ann.id) == 0


@pytest.mark.parametrize("path", ["/credits/purchases", "/pricing", "/subscription"])
async def test_without_stripe_what_is_known_is_shown(world: World, path: str):
    assert (await world.get(f"{API}/playground{path}", world.person(0))).status == 200


async def test_what_is_wrong_is_said_before_what_is_missing(world: World):
    reply = await world.post(f"{API}/playground/credits/purchase", {"package": 1}, world.person(0))
    assert (reply.status, reply.json["fields"]) == (422, {"package": "must be a text"})
