"""The state of the one simulated account: objects by kind and id, what falls due when, and what has happened."""

import heapq
import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.billing.simulator.clock import Clock
from gateway.billing.simulator.errors import missing
from gateway.billing.simulator.shapes import has_invoice_payments, render
from gateway.billing.simulator.switches import Switches

__all__ = ["Object", "RequestContext", "World"]

# As it goes over the wire in the current shape; names that begin with _ stay inside.
Object = dict[str, Any]

LETTERS = string.ascii_letters + string.digits


class RequestContext(msgspec.Struct, frozen=True):
    """What caused an event; nothing when the clock did."""

    id: str | None = None
    idempotency_key: str | None = None
    path: str = ""
    version: str = ""
    base_url: str = ""


class World:
    """One thread works on it, one request or one due action at a time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.switches = Switches()
        self.on_event: Callable[[Object], None] = lambda event: None
        self.request = RequestContext()
        self.base_url = ""
        self.forget()

    def forget(self) -> None:
        """An account with nothing in it; switches and the clock as at the start."""
        self.clock.release()
        self.switches = Switches()
        self._kinds: dict[str, dict[str, Object]] = {}
        self._objects: dict[str, Object] = {}
        self._agenda: list[tuple[int, int, Callable[[World, str], None], str]] = []
        self._number = 0

    def __getstate__(self) -> dict[str, Any]:
        """What is kept in a file: not who listens, nor who asks."""
        gone = ("on_event", "request")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.on_event = lambda event: None
        self.request = RequestContext()

    def now(self) -> int:
        return self.clock.now()

    def new_id(self, prefix: str, letters: int = 24) -> str:
        return prefix + "".join(secrets.choice(LETTERS) for _ in range(letters))

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def add(self, obj: Object) -> Object:
        """Keeps a new object, whose `id` and `object` are set. Ids are never used twice."""
        obj["_number"] = self.next_number()
        obj.setdefault("_created", obj.get("created", self.now()))
        self._kinds.setdefault(obj["object"], {})[obj["id"]] = obj
        self._objects[obj["id"]] = obj
        return obj

    def remove(self, obj: Object) -> Object:
        """What is left of a deleted object."""
        obj["deleted"] = True
        return self.stub(obj)

    def stub(self, obj: Object) -> Object:
        return {"id": obj["id"], "object": obj["object"], "deleted": True}

    def all(self, kind: str) -> list[Object]:
        """Those not deleted, newest first."""
        return [obj for obj in reversed(self._kinds.get(kind, {}).values()) if not obj.get("deleted")]

    def counts(self) -> dict[str, int]:
        """How many objects of each kind there are."""
        return {kind: len(objects) for kind, objects in self._kinds.items()}

    def find(self, wanted: str) -> Object | None:
        return self._objects.get(wanted)

    def get(self, kind: str, wanted: str, param: str = "id") -> Object:
        """The object, or a `Refused` that names the parameter. A deleted one is missing."""
        obj = self._kinds.get(kind, {}).get(wanted)
        if obj is None or obj.get("deleted"):
            raise missing(kind, wanted, param)
        return obj

    def get_even_deleted(self, kind: str, wanted: str) -> Object:
        obj = self._kinds.get(kind, {}).get(wanted)
        if obj is None:
            raise missing(kind, wanted)
        return self.stub(obj) if obj.get("deleted") else obj

    def at(self, instant: int, action: "Callable[[World, str], None]", wanted: str) -> None:
        """Has `action(world, wanted)` happen then. It looks for itself whether there still is something to do."""
        heapq.heappush(self._agenda, (instant, self.next_number(), action, wanted))

    def run_due(self) -> int:
        """Everything that fell due until now, in order of when it did; gives how much that was."""
        done = 0
        while self._agenda and self._agenda[0][0] <= self.clock.now():
            instant, _, action, wanted = heapq.heappop(self._agenda)
            with self.clock.pinned(instant):
                action(self, wanted)
            done += 1
        return done

    @contextmanager
    def during(self, request: RequestContext) -> Iterator[None]:
        """What happens in the block is this request's doing."""
        self.request = request
        try:
            yield
        finally:
            self.request = RequestContext()

    def snapshot(self, obj: Object) -> Object:
        return render(obj, self.switches.api_version)

    def emit(self, kind: str, obj: Object, before: Object | None = None) -> None:
        """Records an event about the object as it is now, and has it delivered."""
        if kind.startswith("invoice_payment.") and not has_invoice_payments(self.switches.api_version):
            return
        data: Object = {"object": self.snapshot(obj)}
        if before is not None:
            data["previous_attributes"] = _what_changed(before, data["object"])
        event = self.add(
            {
                "id": self.new_id("evt_"),
                "object": "event",
                "api_version": self.switches.api_version,
                "created": self.now(),
                "data": data,
                "livemode": self.switches.livemode,
                "pending_webhooks": 0,
                "request": {"id": self.request.id, "idempotency_key": self.request.idempotency_key},
                "type": kind,
            }
        )
        self.on_event(event)

    @contextmanager
    def updating(self, obj: Object, *events: str) -> Iterator[None]:
        """Emits the events when the block is left in good order, with what changed in it."""
        before = self.snapshot(obj)
        yield
        for event in events:
            self.emit(event, obj, before)


def _what_changed(before: Object, after: Object) -> Object:
    """The earlier values of what differs: inside objects only the fields that differ, lists whole."""
    changed: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
        changed[name] = _what_changed(old, new) if nested and old and new else old
    return changed
