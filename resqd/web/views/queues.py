"""Queues in a table, and one queue with its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.store.resque import payload as payloads
from resqd.web import words
from resqd.web.views.reasons import of_queue_seen
from resqd.web.views.states import State, of_queue, rank_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resqd.store.resque.glimpses import Glimpse
    from resqd.web.data.masks import Masks
    from resqd.web.data.snapshot import Queue, Snapshot

ROWS: Final = 100
JOBS: Final = 50

_LAST: Final = float("inf")
SORTS: Final[dict[str, Callable[[Queue, float], Any]]] = {
    "trouble": lambda queue, now: (rank_of(queue, now), -(queue.size or 0), queue.name),
    "name": lambda queue, _now: queue.name,
    "length": lambda queue, _now: -(queue.size or 0),
    "oldest": lambda queue, _now: queue.oldest if queue.oldest is not None else _LAST,
}


class QueueRow(NamedTuple):
    """One row of the table."""

    queue: Queue
    state: State
    age: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows of how many are shown, and where the pages beside begin; None where there is none."""

    first: int
    last: int
    total: int
    before: int | None
    after: int | None


def span_of(start: int, shown: int, total: int, rows: int) -> Span:
    """The span of `shown` rows from position `start` on."""
    after = start + shown if start + shown < total else None
    return Span(
        start + 1 if shown else 0, start + shown, total, max(0, start - rows) if start else None, after
    )


def queue_row(queue: Queue, now: float) -> QueueRow:
    """A queue as a row."""
    return QueueRow(queue, of_queue(queue, now), None if queue.oldest is None else now - queue.oldest)


def queue_rows(look: Snapshot, *, most: int) -> list[QueueRow]:
    """The queues, those in trouble first; of ten thousand only the rows that are shown are made."""
    by = SORTS["trouble"]
    first = nsmallest(most, look.queues, key=lambda queue: by(queue, look.now))
    return [queue_row(queue, look.now) for queue in first]


def queues(look: Snapshot, *, sort: str, named: str, start: int) -> dict[str, object]:
    """What the page of all queues shows: those whose name holds `named`, sorted."""
    by = SORTS.get(sort, SORTS["trouble"])
    found = [queue for queue in look.queues if named in queue.name] if named else look.queues
    ordered = sorted(found, key=lambda queue: by(queue, look.now))
    shown = [queue_row(queue, look.now) for queue in ordered[start : start + ROWS]]
    return {
        "rows": shown,
        "span": span_of(start, len(shown), len(found), ROWS),
        "all_queues": len(look.queues),
        "waiting": look.waiting,
        "sort": sort if sort in SORTS else "trouble",
        "named": named,
    }


@dataclass(frozen=True, slots=True)
class JobRow:
    """One waiting job; `position` counts from the queue's head. What is too large to be read has no class."""

    position: int
    digest: str
    size: int
    whole: bool
    job_class: str
    job_id: str | None
    line: str
    generation: int
    deliveries: int
    age: float | None


def job_row(glimpse: Glimpse, masks: Masks, now: float) -> JobRow:
    """A waiting job as a row."""
    if not glimpse.whole:
        return JobRow(glimpse.index, "", glimpse.size, False, "", None, "", 1, 0, None)
    job = payloads.decode_or_explain(glimpse.raw)
    pushed = payloads.believed(job.enqueued_at)
    return JobRow(
        position=glimpse.index,
        digest=glimpse.digest,
        size=glimpse.size,
        whole=True,
        job_class=job.job_class,
        job_id=job.id,
        line=masks.line(job.job_class, job.args),
        generation=job.generation,
        deliveries=job.deliveries,
        age=None if pushed is None else now - pushed,
    )


def queue(
    look: Snapshot, name: str, glimpses: Sequence[Glimpse], masks: Masks, *, start: int, size: int
) -> dict[str, object]:
    """What the page of one queue shows."""
    found = look.queue(name)
    return {
        "name": name,
        "queue": found,
        "size": size,
        "reasons": of_queue_seen(look, name, size) if size else [],
        "state": None if found is None else of_queue(found, look.now),
        "jobs": [job_row(glimpse, masks, look.now) for glimpse in glimpses],
        "span": span_of(start, len(glimpses), size, JOBS),
        "running": [job for job in look.running if job.queue == name][:JOBS],
        "oldest": None if found is None or found.oldest is None else words.age(look.now - found.oldest),
        "now": look.now,
    }
