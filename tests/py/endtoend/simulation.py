"""The model simulator as a test directs it: over its own HTTP interface, `/_sim/…`."""

import asyncio
from typing import Any

import aiohttp

from tests.py.endtoend.waiting import LOOK_AGAIN_SECONDS, PATIENCE_SECONDS


class Simulation:
    """Scripts, stop points and counts of one simulator."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self.address = address
        self._session = session

    async def script(self, times: int = 1, match: str = "", **behaviour: Any) -> None:
        """The next `times` calls whose input contains `match` behave like that; see the simulator's Behaviour."""
        await self._post("script", {"behaviour": behaviour, "times": times, "match": match})

    async def pause(self, point: str, *, match: str = "", times: int = 1, after: int = 1) -> None:
        """The next matching calls stop at a named point: before_first_byte, mid_stream (after deltas), before_end."""
        await self._post("pause", {"point": point, "match": match, "times": times, "after": after})

    async def resume(self) -> None:
        """Let everyone go, and stop nobody any more."""
        await self._post("resume", {})

    async def reset(self) -> None:
        await self._post("reset", {})

    async def reached(self, **counts: int) -> dict[str, Any]:
        """The state once all counts are reached: `waiting__mid_stream=1`, `anthropic__aborted=2`."""
        query = {name.replace("__", "."): str(count) for name, count in counts.items()}
        query["timeout"] = str(PATIENCE_SECONDS - 1)
        async with self._session.get(f"{self.address}/_sim/wait", params=query) as response:
            state = await response.json()
            assert response.status == 200, f"never reached {counts}: {state}"
            return state

    async def made(self, provider: str | None = None) -> int:
        """Calls received, of one provider or of all."""
        return sum(tally["made"] for name, tally in (await self._tallies()).items() if provider in (None, name))

    async def all_ended(self) -> None:
        """Returns once no call is open any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(tally["open"] for tally in (await self._tallies()).values()):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def calls(self, match: str = "") -> list[dict[str, Any]]:
        """Requests as received whose last message contains `match`, oldest first."""
        async with self._session.get(f"{self.address}/_sim/calls", params={"match": match, "limit": "500"}) as response:
            return await response.json()

    async def _tallies(self) -> dict[str, dict[str, int]]:
        async with self._session.get(f"{self.address}/_sim/state") as response:
            return (await response.json())["calls"]

    async def _post(self, what: str, body: dict[str, Any]) -> None:
        async with self._session.post(f"{self.address}/_sim/{what}", json=body) as response:
            assert response.status == 200, await response.text()
