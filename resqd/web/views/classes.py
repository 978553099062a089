"""What jobs of each class did: a table, and curves of all or of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.history.reader import classes as by_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.history.reader import Point
    from resqd.store.history.row import ClassCounts

ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class; times in seconds, None where none is known."""

    name: str
    ended: int
    failed: int
    retried: int
    run: tuple[float | None, float | None, float | None]
    """At p50, p95 and p99."""
    wait: float | None
    """At p95."""

    @property
    def failing(self) -> bool:
        """Whether more than a tenth fails."""
        return self.failed * 10 > self.ended


def class_row(name: str, counts: ClassCounts) -> ClassRow:
    """A class as a row."""
    p50, p95, p99 = (counts.ran.quantile(part) for part in (0.5, 0.95, 0.99))
    return ClassRow(
        name, counts.ended, counts.failed, counts.retried, (p50, p95, p99), counts.waited.quantile(0.95)
    )


def curves(points: Sequence[Point], job_class: str | None) -> dict[str, list[float | None]]:
    """Of one class, or of all, as columns: when, rates, and times in milliseconds at p95."""
    counts = [point.counts(job_class) for point in points]
    runs, waits = ([quantile_ms(each) for each in kind] for kind in _times(counts))
    return {
        "at": [float(point.at) for point in points],
        "finished": [round(point.rate(each.ended), 3) for point, each in zip(points, counts, strict=True)],
        "failed": [
            round(point.rate(each.failed) * 60, 3) for point, each in zip(points, counts, strict=True)
        ],
        "run": runs,
        "wait": waits,
    }


def _times(counts: Sequence[ClassCounts]) -> tuple[list[float | None], list[float | None]]:
    return [each.ran.quantile(0.95) for each in counts], [each.waited.quantile(0.95) for each in counts]


def quantile_ms(seconds: float | None) -> float | None:
    """As a curve has it: a gap where there is none."""
    return None if seconds is None else round(seconds * 1000, 3)


def classes(
    points: Sequence[Point], *, over: str, overs: Sequence[str], job_class: str | None
) -> dict[str, object]:
    """What the page shows."""
    rows = [class_row(name, counts) for name, counts in by_class(points).items()]
    shown = [row for row in rows if job_class in {None, row.name}]
    return {
        "rows": shown[:ROWS],
        "total": len(rows),
        "known": any(not point.row.blank for point in points),
        "chosen": job_class,
        "over": over,
        "overs": overs,
        "curves": json.dumps(curves(points, job_class)),
    }
