"""Running a job in the calling thread, without a worker: for tests, scripts and `app.inline`."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from resqd.backtrace import backtrace_of
from resqd.current import bind_thread, bound_slot
from resqd.store import payload as payloads
from resqd.store.backends import backend_of
from resqd.store.failures import build_record
from resqd.store.worker_id import WorkerId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from resqd.job import Job
    from resqd.store.backends import FailurePolicy
    from resqd.store.payload import Payload
    from resqd.store.store import Store


@dataclass(slots=True)
class _Here:
    """The slot of a job that runs in its caller's thread; nobody cancels it."""

    payload: Payload | None
    queue: str
    cancelled: bool = False


class Inline:
    """Takes what is enqueued and runs it at once."""

    def __init__(self, find: Callable[[str], Job[..., Any]]) -> None:
        self._find = find

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Run the payloads in order; how many. Raises what a job raises, and then runs no more."""
        jobs = [payloads.decode(raw) for raw in raws]
        for job in jobs:
            run_here(self._find(job.job_class), job, queue)
        return len(jobs)


def run_here(job: Job[..., Any], payload: Payload, queue: str) -> bool:
    """Run one job now, hooks and `current_job()` included; False where a hook ended it quietly."""
    outer = bound_slot()
    here = _Here(payload, queue)
    bind_thread(here)
    try:
        return job.run(payload.args)
    finally:
        here.payload = None
        bind_thread(outer)


def run_next(
    store: Store, queues: Iterable[str], *, find: Callable[[str], Job[..., Any]], policy: FailurePolicy
) -> Payload | None:
    """Take the oldest payload of the first queue that has one, and run it; None where all are empty.

    A failure is recorded where the policy says (default: in `failed`) before its error is raised.
    """
    for queue in queues:
        raw = store.books.queues.pop(queue)
        if raw is not None:
            return _run_raw(store, queue, raw, find=find, policy=policy)
    return None


def _run_raw(
    store: Store, queue: str, raw: bytes, *, find: Callable[[str], Job[..., Any]], policy: FailurePolicy
) -> Payload:
    payload = None
    try:
        payload = payloads.decode(raw)
        run_here(find(payload.job_class), payload, queue)
    except BaseException as error:
        record = build_record(
            raw=raw,
            payload=payload,
            exception=error,
            backtrace=backtrace_of(error),
            worker=_worker(queue),
            queue=queue,
            failed_at=datetime.now(UTC),
        )
        store.books.record_failure(record, queue, backend_of(policy.backends or ("redis",)))
        policy.notify(payloads.load(record))
        raise
    return payload


def _worker(queue: str) -> str:
    worker = WorkerId.build(
        host=socket.gethostname(),
        pid=os.getpid(),
        queues=[queue],
        worker_count=1,
        thread_count=1,
        jobs_per_fork=1,
    )
    return worker.text
