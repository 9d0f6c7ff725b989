"""Charts as SVG that needs nothing from elsewhere: no script, no font, no style sheet."""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from pygal.style import Style

# Pygal leaves an import hook behind, for plugins that are not used here; it lacks what Python asks of hooks.
sys.meta_path[:] = [hook for hook in sys.meta_path if hasattr(hook, "find_spec")]

MOST_LABELS = 16
# The settings of a script that is not there, and who made the picture.
_NOT_NEEDED = re.compile(r"<script.*?</script>|<!--.*?-->", re.DOTALL)
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#444",
    foreground_strong="#222",
    foreground_subtle="#999",
    # Told apart also by those who do not see all colours.
    colors=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"),
    font_family="sans-serif",
    guide_stroke_color="#ddd",
    major_guide_stroke_color="#bbb",
)


@dataclass(frozen=True)
class Table:
    """Rows as the database gave them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def column(self, name: str) -> list[Any]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


Draw = Callable[[Table], str]


def lines(over: str, names: Sequence[str]) -> Draw:
    return _drawn(pygal.Line, over, names, fill=False, dots_size=2)


def bars(over: str, names: Sequence[str]) -> Draw:
    return _drawn(pygal.Bar, over, names)


def grid(down: str, across: str, name: str) -> Draw:
    """A line for each value of `down`, along `across`."""

    def draw(table: Table) -> str:
        chart = _chart(pygal.Line)
        steps = sorted(set(table.column(across)))
        chart.x_labels = [str(step) for step in steps]
        if len(steps) > MOST_LABELS:
            chart.x_labels_major_every = 7
            chart.show_minor_x_labels = False
        found = dict(zip(zip(table.column(down), table.column(across), strict=True), table.column(name), strict=True))
        for line in dict.fromkeys(table.column(down)):
            chart.add(str(line), [_place(found.get((line, step))) for step in steps])
        return _svg(chart)

    return draw


def _drawn(kind: type[Any], over: str, names: Sequence[str], **options: Any) -> Draw:
    def draw(table: Table) -> str:
        chart = _chart(kind, **options)
        labels = [str(label) for label in table.column(over)]
        chart.x_labels = labels
        if len(labels) > MOST_LABELS:
            chart.x_labels_major_every = 7
            chart.show_minor_x_labels = False
        for name in names:
            chart.add(name.replace("_", " "), [_place(value) for value in table.column(name)])
        return _svg(chart)

    return draw


def _chart(kind: type[Any], **options: Any) -> Any:
    return kind(
        width=760,
        height=300,
        js=[],
        style=STYLE,
        legend_at_bottom=True,
        disable_xml_declaration=True,
        explicit_size=False,
        **options,
    )


def _svg(chart: Any) -> str:
    return _NOT_NEEDED.sub("", chart.render(is_unicode=True))


def _place(value: Any) -> float | None:
    """Where a figure stands in the picture; what it is stands in the table."""
    return None if value is None else float(value)
