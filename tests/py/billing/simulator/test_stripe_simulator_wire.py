"""The simulator's wire: idempotency keys, pages of lists, search, expansion, refusals, faults on demand."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.py.billing.simulator.simulated import SimulatedStripe

INTENT = {"amount": 500, "currency": "usd"}


async def made(simulated: SimulatedStripe, key: str, **changes: Any) -> Any:
    return await simulated.api.payment_intents.create_async({**INTENT, **changes}, {"idempotency_key": key})


async def how_many(simulated: SimulatedStripe) -> int:
    return len((await simulated.api.payment_intents.list_async({"limit": 100})).data)


async def test_the_same_key_and_parameters_give_the_same_answer_again(simulated: SimulatedStripe) -> None:
    first, again = await made(simulated, "k"), await made(simulated, "k")
    assert again.last_response.body == first.last_response.body
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Request-Id"] != first.last_response.headers["Request-Id"]
    assert await how_many(simulated) == 1


async def test_a_decline_is_kept_by_its_key_like_a_success(simulated: SimulatedStripe) -> None:
    bodies = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await made(simulated, "k", payment_method="pm_card_chargeDeclined", confirm=True)
        bodies.append(declined.value.http_body)
        assert declined.value.http_status == 402
    assert bodies[0] == bodies[1]
    assert await how_many(simulated) == 1


async def test_a_key_with_other_parameters_is_refused(simulated: SimulatedStripe) -> None:
    await made(simulated, "k")
    with pytest.raises(stripe.IdempotencyError) as refused:
        await made(simulated, "k", amount=501)
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        await simulated.api.customers.create_async({}, {"idempotency_key": "k"})


async def test_what_was_wrong_with_a_request_is_not_kept_by_its_key(simulated: SimulatedStripe) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await made(simulated, "k", amount="12.5")
    assert (await made(simulated, "k")).amount == 500


async def test_a_key_in_use_is_refused_until_its_request_has_ended(simulated: SimulatedStripe) -> None:
    await simulated.direct("faults", {"action": "hold", "path": "/v1/payment_intents"})
    first = asyncio.create_task(made(simulated, "k"))
    while (await simulated.shown("state"))["waiting"] == 0:
        await asyncio.sleep(0.01)
    status, body, _ = await simulated.raw(
        "POST", "/v1/payment_intents", "amount=500&currency=usd", **{"Idempotency-Key": "k"}
    )
    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    await simulated.direct("release")
    assert (await made(simulated, "k")).id == (await first).id
    assert await how_many(simulated) == 1


async def test_keys_are_kept_for_24_hours_of_the_simulated_clock(simulated: SimulatedStripe) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    first = await made(simulated, "k")
    await simulated.direct("clock", {"advance": 86_399})
    assert (await made(simulated, "k")).id == first.id
    await simulated.direct("clock", {"advance": 1})
    assert (await made(simulated, "k")).id != first.id


@pytest.mark.parametrize(("action", "done"), [("drop_before", False), ("drop_after", True), ("timeout", True)])
async def test_a_connection_may_be_lost_before_or_after_the_work(
    simulated: SimulatedStripe, action: str, done: bool
) -> None:
    fault = {"action": action, "method": "POST", "path": "/v1/payment_intents", "seconds": 0.05}
    await simulated.direct("faults", fault)
    with pytest.raises(stripe.APIConnectionError):
        await made(simulated, "k")
    assert await how_many(simulated) == done
    again = await made(simulated, "k")
    assert again.last_response.headers.get("Idempotent-Replayed") == ("true" if done else None)
    assert await how_many(simulated) == 1


async def test_a_failure_of_the_server_is_kept_by_its_key_but_a_limit_is_not(simulated: SimulatedStripe) -> None:
    await simulated.direct("faults", [{"action": "429"}, {"action": "500"}])
    with pytest.raises(stripe.RateLimitError):
        await made(simulated, "k")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            await made(simulated, "k")
        assert failed.value.http_status == 500
    assert await how_many(simulated) == 0
    await simulated.direct("faults", {"action": "500_after"})
    with pytest.raises(stripe.APIError):
        await made(simulated, "other")
    assert await how_many(simulated) == 1


async def test_lists_go_page_by_page_newest_first_both_ways(simulated: SimulatedStripe) -> None:
    ids = [(await simulated.customer()).id for _ in range(5)][::-1]
    customers = simulated.api.customers
    first = await customers.list_async({"limit": 2})
    assert ([each.id for each in first.data], first.has_more) == (ids[:2], True)
    assert [each.id async for each in first.auto_paging_iter()] == ids
    before = await customers.list_async({"limit": 2, "ending_before": ids[4]})
    assert ([each.id for each in before.data], before.has_more) == (ids[2:4], True)
    last = await customers.list_async({"limit": 2, "starting_after": ids[2]})
    assert ([each.id for each in last.data], last.has_more) == (ids[3:], False)


async def test_lists_are_bounded_by_when_their_objects_were_made(simulated: SimulatedStripe) -> None:
    start = 1_800_000_000
    for second in range(4):
        await simulated.direct("clock", {"now": start + second})
        await simulated.paid()
    listed = simulated.api.payment_intents.list_async
    bounded = await listed({"created": {"gte": start + 1, "lt": start + 3}})
    assert [each.created - start for each in bounded.data] == [2, 1]
    assert len((await listed({"created": start})).data) == 1
    events = await simulated.api.events.list_async({"types": ["charge.succeeded"], "created": {"gt": start + 1}})
    assert [(each.type, each.created - start) for each in events.data] == [
        ("charge.succeeded", 3),
        ("charge.succeeded", 2),
    ]


async def test_search_finds_by_metadata_and_state_and_refuses_what_it_cannot_read(simulated: SimulatedStripe) -> None:
    paid = await simulated.paid(metadata={"purchase_id": "it's 1"})
    await made(simulated, "k", metadata={"purchase_id": "it's 1"})
    search = simulated.api.payment_intents.search_async
    mine = r"metadata['purchase_id']:'it\'s 1'"
    assert len((await search({"query": mine})).data) == 2
    assert [each.id for each in (await search({"query": f"{mine} AND status:'succeeded'"})).data] == [paid.id]
    assert [each.id for each in (await search({"query": f"{mine} AND -status:'succeeded'"})).data] != [paid.id]
    assert len((await search({"query": "status:'succeeded' OR amount<1000"})).data) == 2
    first = await search({"query": mine, "limit": 1})
    assert first.has_more is True
    second = await search({"query": mine, "limit": 1, "page": first.next_page})
    assert {first.data[0].id, second.data[0].id} == {each.id for each in (await search({"query": mine})).data}
    for query in ("nonsense", "shoe_size:'9'", "status:'a' AND amount>1 OR amount<1", "metadata:'x'"):
        with pytest.raises(stripe.InvalidRequestError):
            await search({"query": query})


async def test_search_may_lag_behind(simulated: SimulatedStripe) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    await simulated.switch(search_lag_seconds=60)
    await simulated.customer(metadata={"a": "b"})
    found = []
    for _ in range(2):
        found.append(len((await simulated.api.customers.search_async({"query": "metadata['a']:'b'"})).data))
        await simulated.direct("clock", {"advance": 60})
    assert found == [0, 1]


async def test_ids_are_expanded_to_objects_where_asked(simulated: SimulatedStripe) -> None:
    customer = await simulated.customer()
    intent = await simulated.paid(customer=customer.id)
    listed = await simulated.api.payment_intents.list_async(
        {"expand": ["data.customer", "data.latest_charge.balance_transaction"]}
    )
    assert listed.data[0].customer.email == customer.email
    assert listed.data[0].latest_charge.balance_transaction.amount == 500
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await simulated.api.payment_intents.retrieve_async(intent.id, {"expand": ["amount"]})


REFUSED = [
    ("POST", "/v1/payment_intents", "amount=500", 400, "parameter_missing"),
    ("POST", "/v1/payment_intents", "amount=49&currency=usd", 400, "amount_too_small"),
    ("POST", "/v1/payment_intents", "amount=-1&currency=usd", 400, "parameter_invalid_integer"),
    ("POST", "/v1/payment_intents", "amount=5e2&currency=usd", 400, "parameter_invalid_integer"),
    ("POST", "/v1/payment_intents", "amount=500&currency=usd&credits=9", 400, "parameter_unknown"),
    ("POST", "/v1/customers", "metadata[a][b]=c", 400, None),
    ("POST", "/v1/customers", "metadata=x", 400, None),
    ("POST", "/v1/customers", f"metadata[{'k' * 41}]=c", 400, None),
    ("POST", "/v1/customers", "[=1", 400, None),
    ("POST", "/v1/customers", "a%FF=1", 400, None),
    ("GET", "/v1/customers/cus_nobody", "", 404, "resource_missing"),
    ("GET", "/v1/customers?limit=101", "", 400, None),
    ("GET", "/v1/nothing", "", 404, None),
    ("DELETE", "/v1/payment_intents/pi_1", "", 404, None),
]


@pytest.mark.parametrize(("method", "path", "form", "status", "code"), REFUSED)
async def test_what_the_real_api_refuses_is_refused_in_its_shape(
    simulated: SimulatedStripe, method: str, path: str, form: str, status: int, code: str | None
) -> None:
    answered, body, headers = await simulated.raw(method, path, form)
    assert (answered, body["error"].get("code")) == (status, code)
    assert body["error"]["type"] == "invalid_request_error"
    assert headers["Request-Id"].startswith("req_")
    assert await simulated.types() == []


async def test_nothing_is_answered_without_a_secret_key(simulated: SimulatedStripe) -> None:
    for given in ("", "Bearer pk_test_x", "Bearer x"):
        status, body, _ = await simulated.raw("GET", "/v1/customers", Authorization=given)
        assert (status, body["error"]["type"]) == (401, "invalid_request_error")


async def test_what_was_asked_is_told_without_what_it_said(simulated: SimulatedStripe) -> None:
    await made(
        simulated,
        "key-1",
        payment_method_data={"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2040}},
    )
    (asked,) = await simulated.shown("requests")
    assert (asked["method"], asked["path"], asked["idempotency_key"]) == ("POST", "/v1/payment_intents", "key-1")
    assert "4242" not in str(asked)


async def test_parallel_requests_are_all_done(simulated: SimulatedStripe) -> None:
    tasks = [asyncio.create_task(simulated.paid(500 + number)) for number in range(20)]
    paid = await asyncio.gather(*tasks)
    assert sorted(each.amount_received for each in paid) == list(range(500, 520))
    assert await how_many(simulated) == 20


async def test_an_event_says_which_request_caused_it(simulated: SimulatedStripe) -> None:
    intent = await made(simulated, "key-1")
    (event,) = await simulated.events("payment_intent.created")
    assert event.request is not None
    assert event.request.idempotency_key == "key-1"
    assert event.request.id == intent.last_response.headers["Request-Id"]
