"""The state of a simulator in a file: a database that outlives it knows its customers by their ids."""

import os
import pickle
from pathlib import Path

from gateway.billing.simulator.idempotency import Keys
from gateway.billing.simulator.world import World

__all__ = ["load", "save"]

# Raised when what is kept changes its form: an older file is not read then.
FORM = 1


def load(file: Path) -> tuple[World, Keys]:
    """What `save` wrote there, or an empty account. Raises ValueError for the file of another version."""
    if not file.exists():
        return World(), Keys()
    try:
        # The file is the simulator's own, in a folder of whoever started it.
        form, world, keys = pickle.loads(file.read_bytes())  # noqa: S301
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, ValueError) as error:
        raise ValueError(f"{file} was written by another version of the simulator: remove it") from error
    if form != FORM:
        raise ValueError(f"{file} was written by another version of the simulator: remove it")
    return world, keys


def save(file: Path, world: World, keys: Keys) -> None:
    """All or nothing: a reader finds the state before or the state after."""
    new = file.with_name(f"{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as written:
        written.write(pickle.dumps((FORM, world, keys)))
    new.replace(file)
