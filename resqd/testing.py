"""Jobs without a daemon, for tests and scripts: run in the calling thread, or recorded and run when asked."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from resqd.application.catalog import unknown_job
from resqd.application.parts import parts_of
from resqd.current import Here, bind_thread, bound_slot
from resqd.failures import backtrace_of
from resqd.hooks import run_within
from resqd.job import Job
from resqd.store.keys import WorkerId
from resqd.store.later.later import MICRO, When
from resqd.store.resque import payload as payloads
from resqd.store.resque.backends import backend_of
from resqd.store.resque.failure_record import build_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from resqd.app import App
    from resqd.failures import FailurePolicy
    from resqd.hooks import Hook
    from resqd.store.resque.payload import Payload
    from resqd.store.resque.store import Store


@dataclass(frozen=True, slots=True)
class Enqueued:
    """One job that was enqueued: where to, and what."""

    queue: str
    payload: Payload

    @property
    def name(self) -> str:
        """The job's name."""
        return self.payload.job_class

    @property
    def args(self) -> list[Any]:
        """The arguments as a worker would get them, after their way through JSON."""
        return self.payload.args


@dataclass(frozen=True, slots=True)
class Delayed(Enqueued):
    """One job that is to run later: when it is due, in seconds since 1970 by the Fake's clock, and its id."""

    due: float
    id: str


class Fake:
    """Records what an app enqueues instead of sending it to Redis."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: deque[Enqueued] = deque()
        self.now = time.time()
        """The clock of delayed jobs, in seconds since 1970: it stands, but for `advance`."""
        self.later: list[Delayed] = []
        """What is to run later, the first due first."""
        self.enqueued: list[Enqueued] = []
        """Everything enqueued, in order, whether it has run or not."""

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Take payloads in place of Redis."""
        taken = [Enqueued(queue, payloads.decode(raw)) for raw in raws]
        self.enqueued += taken
        self._waiting += taken
        return len(taken)

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """Take payloads before all that wait."""
        taken = [Enqueued(queue, payloads.decode(raw)) for raw in raws]
        self.enqueued += taken
        self._waiting.extendleft(reversed(taken))
        return len(taken)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Take jobs that are due at a moment."""
        due = when.micros / MICRO + (self.now if when.relative else 0.0)
        taken = [Delayed(queue, payloads.decode(raw), due, job_id) for job_id, raw in jobs]
        self.later = sorted(
            [*self.later, *taken], key=lambda job: job.due
        )  # stable: equal moments keep their order
        return [job.id for job in taken]

    def advance(self, seconds: float) -> int:
        """Let so many seconds go by: what is due then counts as enqueued, and `drain` runs it; how many there were."""
        self.now += seconds
        due = [job for job in self.later if job.due <= self.now]
        self.later = [job for job in self.later if job.due > self.now]
        self.enqueued += due
        self._waiting += due
        return len(due)

    def args_of(self, job: Job[..., Any] | str) -> list[list[Any]]:
        """The arguments of each job enqueued under that name, in order."""
        name = job.name if isinstance(job, Job) else job
        return [enqueued.args for enqueued in self.enqueued if enqueued.name == name]

    def drain(self) -> int:
        """Run what waits, and what those jobs enqueue, oldest first; how many ran.

        Raises what a job raises; the jobs after it still wait. A name that is not registered raises UnknownJob.
        """
        ran = 0
        while self._waiting:
            enqueued = self._waiting.popleft()
            run_here(self._app.find(enqueued.name), enqueued.payload, enqueued.queue)
            ran += 1
        return ran

    def clear(self) -> None:
        """Forget everything."""
        self.enqueued.clear()
        self.later.clear()
        self._waiting.clear()


@contextmanager
def fake(app: App) -> Iterator[Fake]:
    """Within the block nothing goes to Redis: what the app enqueues is recorded."""
    recorder = Fake(app)
    before = parts_of(app).producer.redirect(recorder)
    try:
        yield recorder
    finally:
        parts_of(app).producer.redirect(before)


@contextmanager
def inline(app: App) -> Iterator[None]:
    """Within the block jobs run when they are enqueued, in the same thread, and raise what they raise."""
    before = parts_of(app).producer.redirect(Inline(app.find))
    try:
        yield
    finally:
        parts_of(app).producer.redirect(before)


def fixture(app: App) -> Callable[..., Any]:
    """A pytest fixture that gives a Fake: in conftest.py, `jobs = resqd.testing.fixture(app)`."""
    import pytest  # noqa: PLC0415 - only tests have it

    @pytest.fixture
    def fake_jobs() -> Iterator[Fake]:
        with fake(app) as recorder:
            yield recorder

    return fake_jobs


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

    push_front = push

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Run delayed jobs at once, too, whatever the moment."""
        del when
        pairs = list(jobs)
        self.push(queue, [raw for _, raw in pairs])
        return [job_id for job_id, _ in pairs]


def run_here(job: Job[..., Any], payload: Payload, queue: str) -> bool:
    """Run one job now, hooks and `current_job()` included; False where a hook ended it quietly."""
    with _here(payload, queue):
        return job.run(payload.args)


@contextmanager
def _here(payload: Payload | None, queue: str) -> Iterator[None]:
    """Within the block it is this job that runs in this thread."""
    outer = bound_slot()
    here = Here(payload, queue)
    bind_thread(here)
    try:
        yield
    finally:
        here.payload = None
        bind_thread(outer)


def run_next(
    store: Store,
    queues: Iterable[str],
    *,
    jobs: Mapping[str, Job[..., Any]],
    policy: FailurePolicy,
    around: Sequence[Hook],
) -> Payload | None:
    """Take the oldest payload of the first queue that has one, and run it; None where all are empty.

    A failure is recorded where the policy says (default: in `failed`) before its error is raised, unless the
    policy or the job wants no records.
    """
    for queue in queues:
        raw = store.books.queues.pop(queue)
        if raw is not None:
            return _run_raw(store, queue, raw, jobs=jobs, policy=policy, around=around)
    return None


def _run_raw(
    store: Store,
    queue: str,
    raw: bytes,
    *,
    jobs: Mapping[str, Job[..., Any]],
    policy: FailurePolicy,
    around: Sequence[Hook],
) -> Payload:
    payload = job = None
    try:
        payload = payloads.decode(raw)
        job = jobs.get(payload.job_class)
        if job is None:
            raise unknown_job(payload.job_class, jobs)  # noqa: TRY301 - one way out
        run_here(job, payload, queue)
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
        skips = policy.skip_failed_queue or (job is not None and job.options.skip_failed_queue)

        def conclude() -> None:
            if not skips:
                store.books.record_failure(record, queue, backend_of(policy.backends or ("redis",)))
            policy.notify(payloads.load(record))

        with _here(payload, queue):
            run_within(around, conclude)
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
