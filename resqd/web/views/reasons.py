"""Why jobs do not run, from what the page has looked at already: the words of `resqd explain`, and no command more."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from resqd import queue_specs
from resqd.explain.reasons import JobFacts, Listener, QueueFacts, Reason, of_job, of_queue
from resqd.queue_specs import QueueSpec
from resqd.store.names import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resqd.web.data.snapshot import Host, Snapshot

_NAMED: Final = 5
_NEVER: Final = 1e9
"""Seconds of silence of one that has never beaten, as they are shown."""


def of_queue_seen(look: Snapshot, name: str, size: int) -> list[Reason]:
    """Why a queue's jobs wait."""
    return of_queue(queue_facts(look, name, size))


def of_job_seen(look: Snapshot, job_id: str, name: str, *, position: int) -> list[Reason]:
    """Why a job that waits in that queue does not run."""
    found = look.queue(name)
    size = max(position + 1, (found.size or 0) if found is not None else 0)
    return of_job(JobFacts(job_id, position=position, queue=queue_facts(look, name, size)))


def queue_facts(look: Snapshot, name: str, size: int) -> QueueFacts:
    """What the look knows of a queue. What runs stands for what is in flight: a page shows threads."""
    found = look.queue(name)
    note = None if found is None else found.paused
    running = [job for job in look.running if job.queue == name]
    return QueueFacts(
        name=name,
        size=None if found is not None and found.size is None else size,
        in_flight=len(running),
        listed=found is not None,
        listeners=tuple(_listeners(look, name)),
        paused_by=None if note is None else note.by or "",
        paused_at=None if note is None else note.at,
        paused_why=None if note is None else note.why,
        all_paused_by=look.all_paused_by,
        running=tuple(f"{job.job_class} {job.job_id or ''}".strip() for job in running[:_NAMED]),
    )


def _listeners(look: Snapshot, name: str) -> Iterator[Listener]:
    for host in look.hosts:
        spec = next((each for each in _specs(host.worker.id.queues) if matches(each.pattern, name)), None)
        if spec is not None:
            yield _listener(host, spec)


def _listener(host: Host, spec: QueueSpec) -> Listener:
    own = host.worker.id
    known = own.worker_count is not None and own.thread_count is not None
    return Listener(
        name=own.text,
        cap=spec.limit(host.threads) if spec.capped else None,
        threads=host.threads if known else None,
        busy=len(host.running),
        silent=min(host.silent_for, _NEVER) if host.silent else 0.0,
    )


@lru_cache(maxsize=1_000)
def _specs(queues: tuple[str, ...]) -> tuple[QueueSpec, ...]:
    try:
        return queue_specs.queues(",".join(queues))
    except ValueError:
        return tuple(QueueSpec(queue) for queue in queues)
