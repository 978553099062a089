"""The history as pages and programs ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from resqd.store.history.row import ClassCounts, QueueLooks, Row, merged, readable
from resqd.store.history.spans import DAY, FINER, HOUR, KEPT, MINUTE, start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link
    from resqd.store.redis.links import Links

_CHUNK: Final = 100
"""Rows in one call."""


@dataclass(frozen=True, slots=True)
class Point:
    """One span, from `at` (seconds since 1970) for `seconds`; `row` is blank where nothing is known of it."""

    at: int
    seconds: int
    row: Row = field(default_factory=Row)

    def counts(self, job_class: str | None = None) -> ClassCounts:
        """Of one class, or of all."""
        return self.row.total() if job_class is None else self.row.classes.get(job_class, ClassCounts())

    def queue(self, name: str) -> QueueLooks:
        """What was seen of a queue."""
        return self.row.queues.get(name, QueueLooks())

    def rate(self, number: float) -> float:
        """So many in this span, a second."""
        return number / self.seconds


class History:
    """Reads; threads may share it. Every method may raise a StoreError."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = keys

    def points(self, *, span: int, since: float, until: float) -> list[Point]:
        """One point for each MINUTE, HOUR or DAY from the one of `since` up to, and without, the one of `until`.

        An hour or a day that has not been summed up yet is put together from its parts. Nothing is older than what is
        kept: 8 hours, 31 days, 2 years.
        """
        oldest = max(start(since, span), start(until - KEPT[span], span))
        wanted = range(oldest, start(until - 1, span) + span, span)
        rows = self._links.lend(lambda link: self._rows(link, span, wanted))
        return [Point(at, span, rows.get(at, Row())) for at in wanted]

    def _rows(self, link: Link, span: int, wanted: Sequence[int]) -> dict[int, Row]:
        rows: dict[int, Row] = {}
        for begin in range(0, len(wanted), _CHUNK):
            some = wanted[begin : begin + _CHUNK]
            found = link.call("HMGET", self._keys.history(span), *some)
            for at, data in zip(some, found, strict=True):
                if data and (read := readable([data])):
                    rows[at] = read[0]
        if span != MINUTE:
            for at in wanted[-2:]:  # the one that runs, and the one whose end was a moment ago
                if at not in rows:
                    parts = self._rows(link, FINER[span], range(at, at + span, FINER[span]))
                    rows[at] = merged(parts.values())
        return rows


def classes(points: Iterable[Point]) -> dict[str, ClassCounts]:
    """The counts of each class over all of them, those with most jobs first."""
    total = merged(point.row for point in points).classes
    return dict(sorted(total.items(), key=lambda each: (-each[1].ended, each[0])))


def fitting(seconds: float) -> int:
    """The finest span of which so long a time is kept in no more than some 500 points."""
    return MINUTE if seconds <= KEPT[MINUTE] else HOUR if seconds <= 20 * DAY else DAY


__all__ = ["DAY", "HOUR", "MINUTE", "History", "Point", "classes", "fitting"]
