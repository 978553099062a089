"""Showing results: a table on the terminal, and the same in Markdown for the README."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.table import Table

from tests.bench.arithmetic import Figure
from tests.bench.results import Results
from tests.bench.table import MEASURES, Row

_MARKS = {True: "yes", False: "no", None: ""}
_COLORS = {True: "green", False: "red", None: "dim"}
HEADINGS = ("", "unit", "target", "median", "min - max", "runs", "met")


class Line(NamedTuple):
    """One row as it is shown."""

    cells: tuple[str, ...]
    met: bool | None


def number(value: float) -> str:
    """Three significant digits at least, with separators."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def target(row: Row) -> str:
    """What is asked of a row, in words."""
    parts = [f">= {row.least:,g}"] if row.least is not None else []
    parts += [f"<= {row.most:,g}"] if row.most is not None else []
    parts += [f"aim {row.aim:,g}"] if row.aim is not None else []
    return ", ".join(parts)


def lines(results: Results) -> Iterator[Line]:
    """One line for each row that was measured, or that should have been."""
    for measure in MEASURES:
        for row in measure.rows:
            figure = results.figures.get(row.name)
            if figure is not None:
                yield _line(row, figure)
            elif measure.name in results.problems:
                yield Line((row.title, row.unit, target(row), "no result", "", "0", "no"), met=False)


def _line(row: Row, figure: Figure) -> Line:
    met = row.met(figure.median)
    spread = f"{number(figure.low)} - {number(figure.high)}"
    return Line(
        (row.title, row.unit, target(row), number(figure.median), spread, str(figure.runs), _MARKS[met]), met
    )


def terminal(results: Results) -> Table:
    """The table with its targets, what is met in green."""
    table = Table(title="resqd's benchmark", caption=about(results))
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in {"", "unit"} else "right")
    for line in lines(results):
        *cells, met = line.cells
        table.add_row(*cells, f"[{_COLORS[line.met]}]{met}")
    return table


def markdown(results: Results) -> str:
    """The table as the README holds it."""
    rows = [HEADINGS, ("---", "---", *["---:"] * 4, "---"), *(line.cells for line in lines(results))]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"{table}\n\n{about(results)}\n"


def about(results: Results) -> str:
    """Where the figures come from, in a line."""
    said = results.environment
    return (
        f"resqd {said['resqd']}, {said['scale']} run; Python {said['python']}, {said['server']}, {said['cores']} cores "
        f"({said['processor']}), Linux {said['kernel']}"
    )
