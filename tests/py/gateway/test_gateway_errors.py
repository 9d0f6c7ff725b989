"""One table of refusals, one shape of error."""

import msgspec
import pytest

from gateway import errors
from gateway.errors import REFUSALS, Kind, Refusal, refused

KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, Kind)}


def test_every_kind_is_a_client_or_server_error_with_a_name_of_its_own():
    assert all(400 <= kind.status <= 599 for kind in KINDS.values())
    assert len({kind.error for kind in KINDS.values()}) == len(KINDS)
    assert all(kind.error == name.lower() for name, kind in KINDS.items())


def test_codes_of_the_database_are_refusals_not_failures():
    for code, kind in REFUSALS.items():
        assert code.startswith("SC")
        assert kind.status < 500 or kind in {errors.MODEL_UNAVAILABLE, errors.PLAN_UNAVAILABLE}


def test_details_stand_beside_error_and_message_and_cannot_replace_them():
    refusal = refused("SCC01", "Not enough.", '{"required": 3, "available": 1, "error": "mine", "message": "mine"}')
    assert msgspec.json.decode(refusal.encode()) == {
        "error": "insufficient_credits",
        "message": "Not enough.",
        "required": 3,
        "available": 1,
    }


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (7, "7"), (7.2, "8")])
def test_retry_after_is_whole_seconds_and_never_zero(seconds: float, header: str):
    refusal = Refusal(errors.THROTTLED, details={"retryAfter": seconds})
    assert refusal.headers == {"Retry-After": header}


@pytest.mark.parametrize("details", [None, "", "not json", "[]", "null"])
def test_details_that_are_no_object_are_left_out(details: str | None):
    assert refused("SCS01", None, details).body == {
        "error": "session_not_found",
        "message": "There is no such session.",
    }


def test_an_unknown_code_is_a_bug():
    with pytest.raises(KeyError):
        refused("SCX99", None, None)
