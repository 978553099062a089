"""Showing results: a table on the terminal, and the same in Markdown for the README."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.table import Table

from tests.bench.arithmetic import Figure
from tests.bench.peers.side_by_side import AWAITING, FORKING, PREFIX, RESQD
from tests.bench.peers.systems import FORKERS, WAITERS
from tests.bench.results import Results
from tests.bench.table import MEASURES, Row

_MARKS = {True: "yes", False: "no", None: ""}
_COLORS = {True: "green", False: "red", None: "dim"}
HEADINGS = ("", "unit", "target", "median", "min - max", "runs", "met")
_PICTURE = "![Throughput against threads, workers, jobs queued and queues](tests/bench/throughput.svg)"
PEER_HEADINGS = ("system", "jobs/s", "min - max", "runs", "resqd is quicker by")


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


def peers(results: Results) -> list[tuple[str, str, str, str, str]]:
    """Each system's name, its median in jobs/s, the spread and the number of runs; the fastest first.

    Last, how many times as much resqd does: those that fork for each job are compared with resqd where it does that.
    """
    found = [
        (name.removeprefix(PREFIX), one) for name, one in results.figures.items() if name.startswith(PREFIX)
    ]
    found.sort(key=lambda pair: -pair[1].median)
    return [
        (
            name,
            number(one.median),
            f"{number(one.low)} - {number(one.high)}",
            str(one.runs),
            _times(name, one, results),
        )
        for name, one in found
    ]


def _times(name: str, other: Figure, results: Results) -> str:
    ours = FORKING if name in FORKERS else AWAITING if name in WAITERS else RESQD
    own = results.figures.get(PREFIX + ours)
    return (
        ""
        if own is None or name in {RESQD, FORKING, AWAITING}
        else f"{number(own.median / other.median)} times"
    )


def tables(results: Results) -> list[Table]:
    """What was measured, for the terminal."""
    found = [_of_rows(results)] if any(lines(results)) else []
    return [*found, _of_peers(results)] if peers(results) else found


def _of_rows(results: Results) -> Table:
    table = Table(title="resqd's benchmark", caption=about(results))
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in {"", "unit"} else "right")
    for line in lines(results):
        *cells, met = line.cells
        table.add_row(*cells, f"[{_COLORS[line.met]}]{met}")
    return table


def _of_peers(results: Results) -> Table:
    table = Table(
        *PEER_HEADINGS,
        title="No-op jobs, or as named, drained from 15 to 85 %",
        caption=results.environment.get("peers"),
    )
    for cells in peers(results):
        table.add_row(*cells)
    return table


def markdown(results: Results) -> str:
    """The tables as the README holds them."""
    text = ""
    if found := list(lines(results)):
        text += _markdown([HEADINGS, ("---", "---", *["---:"] * 4, "---"), *(line.cells for line in found)])
    if systems := peers(results):
        text += _markdown([PEER_HEADINGS, ("---", *["---:"] * 4), *systems])
    return f"{text}{about(results)}\n\n{_PICTURE}\n"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n\n"


def about(results: Results) -> str:
    """Where the figures come from, in a line."""
    said = results.environment
    peers = f"; {said['peers']}" if "peers" in said else ""
    return (
        f"resqd {said['resqd']}, {said['scale']} run; Python {said['python']}, {said['server']}, {said['cores']} cores "
        f"({said['processor']}), Linux {said['kernel']}{peers}"
    )
