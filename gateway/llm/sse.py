"""Server-Sent Events out of the chunks of a response, at the cost of a split per chunk."""

from collections.abc import Iterator

# A provider's event is some hundred bytes; what grows past this without an end is no event.
LARGEST_EVENT = 1 << 20


class EventTooLarge(ValueError):
    """A peer sent more than `LARGEST_EVENT` bytes without ending an event."""


class EventSplitter:
    """Feed it chunks as they come; it gives the `data` of each event that is complete.

    The event's name is left out: both providers repeat in the data what it would tell.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if b"\r" in chunk or b"\r" in self._rest:
            chunk, self._rest = self._without_carriage_returns(self._rest + chunk), b""
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        if len(self._rest) > LARGEST_EVENT:
            raise EventTooLarge
        for block in blocks:
            if data := self._data_of(block):
                yield data

    @staticmethod
    def _without_carriage_returns(raw: bytes) -> bytes:
        # A lone CR at the end may be half of a CRLF: it stays until the next chunk tells.
        held = raw.endswith(b"\r")
        body = raw[:-1] if held else raw
        return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if held else b"")

    @staticmethod
    def _data_of(block: bytes) -> bytes:
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        return lines[0] if len(lines) == 1 else b"\n".join(lines)
