"""What the scripts tell the person who started them: progress on stderr, results on stdout."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class SetupError(Exception):
    """Something the person can put right; the message is one clear line, shown without a traceback."""


def say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    print(f"! {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Shows what is being done, and afterwards how many seconds it took."""
    is_terminal = sys.stderr.isatty()
    print(f"· {text}", end=" " if is_terminal else "\n", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        if is_terminal:
            print(file=sys.stderr, flush=True)
        raise
    seconds = time.monotonic() - started
    print(f"{seconds:.1f} s" if is_terminal else f"  {seconds:.1f} s", file=sys.stderr, flush=True)
