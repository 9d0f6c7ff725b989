"""The figures of one run of the bench: printed as they come, kept under flat names for `--json`."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

Value = float | int | str | None


class Figures:
    """What was measured, in the order it was. A figure with an aim says whether it is met."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._missed: list[str] = []

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def add(
        self, name: str, value: Value, what: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Keeps and prints a figure; `what` says what it is, with its unit. A None value could not be measured."""
        kept = round(value, 4 if abs(value) < 10 else 1) if isinstance(value, float) else value
        self._values[name] = kept
        verdict = ""
        if at_least is not None or at_most is not None:
            is_met = isinstance(kept, (int, float)) and (
                kept >= at_least if at_least is not None else kept <= (at_most or 0)
            )
            aim = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
            verdict = f"  [aim {aim}: {'met' if is_met else 'MISSED'}]"
            if not is_met:
                self._missed.append(name)
        print(f"  {name:<28} {'–' if kept is None else _shown(kept):>12}  {what}{verdict}", flush=True)

    def note(self, name: str, value: Value) -> None:
        """Keeps a value without printing it."""
        self._values[name] = value

    def close(self, file: Path | None) -> None:
        """The last line, and the JSON file."""
        missed = f"; missed: {', '.join(self._missed)}" if self._missed else "; every aim is met"
        print(f"\n{len(self._values)} figures{missed}", flush=True)
        if file is not None:
            file.write_text(json.dumps(self._values, indent=2) + "\n")


def ratio(measured: Sequence[float], floors: Sequence[float]) -> float:
    """The median of the ratios of runs that were made one after the other: noise that hits both cancels out."""
    return median(a / b for a, b in zip(measured, floors, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _shown(value: float | int | str) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else value
