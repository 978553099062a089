"""Jobs without a daemon, for tests and scripts: run in the calling thread, or recorded and run when asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resqd.application.parts import parts_of
from resqd.by_hand import try_here
from resqd.errors import PayloadError
from resqd.job import Job
from resqd.retry import Snooze
from resqd.store.gates.stand_in import FakeGates
from resqd.store.later.later import MICRO, When
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.unique.stand_in import FakeLocks
from resqd.using import FRONT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.app import App
    from resqd.store.gates.calls import Gate
    from resqd.store.resque.payload import Payload
    from resqd.store.unique.locks import Claim, Terms


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
        self._locks = FakeLocks()
        self._gates = FakeGates()
        self.now = time.time()
        """The clock of delayed jobs, in seconds since 1970: it stands, but for `advance`."""
        self.later: list[Delayed] = []
        """What is to run later, the first due first."""
        self.parked: list[Enqueued] = []
        """What waits since a rate that it is under is used up; `drain` runs it once `advance` has made room."""
        self.enqueued: list[Enqueued] = []
        """Everything enqueued, in order, whether it has run or not."""

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Take payloads in place of Redis."""
        taken = [Enqueued(queue, self._read(raw)) for raw in raws]
        self.enqueued += taken
        self._waiting += taken
        return len(taken)

    def _read(self, raw: bytes) -> Payload:
        """A payload with its arguments in clear, as the job will get them."""
        payload = payloads.decode(raw)
        job = parts_of(self._app).catalog.jobs.get(payload.job_class)
        return payload if job is None else job.opened(payload)

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """Take payloads before all that wait."""
        taken = [Enqueued(queue, self._read(raw)) for raw in raws]
        self.enqueued += taken
        self._waiting.extendleft(reversed(taken))
        return len(taken)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Take jobs that are due at a moment."""
        due = when.micros / MICRO + (self.now if when.relative else 0.0)
        taken = [Delayed(queue, self._read(raw), due, job_id) for job_id, raw in jobs]
        self.later = sorted(
            [*self.later, *taken], key=lambda job: job.due
        )  # stable: equal moments keep their order
        return [job.id for job in taken]

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Take jobs that get their locks, which last until `drain` has run them, or their windows are over."""
        held: list[str | None] = []
        for claim in claims:
            holder = self._locks.claim(claim, terms, self.now, replace=self._take_back)
            held.append(holder)
            if holder is not None:
                continue
            if when is not None:
                self.put_later(queue, [(claim.ticket, claim.raw)], when)
            elif front:
                self.push_front(queue, [claim.raw])
            else:
                self.push(queue, [claim.raw])
        return held

    def _take_back(self, ticket: str) -> bool:
        """Take a job away that is still to run later; whether it was there."""
        before = len(self.later)
        self.later = [job for job in self.later if job.id != ticket]
        return len(self.later) < before

    def keeps_results(self) -> None:
        """Nothing is kept of jobs that a test runs."""

    def advance(self, seconds: float) -> int:
        """Let so many seconds go by: what is due then counts as enqueued, and `drain` runs it; how many there were."""
        self.now += seconds
        due = [job for job in self.later if job.due <= self.now]
        self.later = [job for job in self.later if job.due > self.now]
        self.enqueued += due
        first = [job for job in due if job.payload.marks and FRONT in job.payload.marks.options]
        self._waiting.extendleft(reversed(first))
        self._waiting += [job for job in due if job not in first]
        return len(due)

    def args_of(self, job: Job[..., Any] | str) -> list[list[Any]]:
        """The arguments of each job enqueued under that name, in order."""
        name = job.name if isinstance(job, Job) else job
        return [enqueued.args for enqueued in self.enqueued if enqueued.name == name]

    def drain(self) -> int:
        """Run what waits, and what those jobs enqueue, oldest first; how many ran.

        A job that fails and is to be tried again, or asks to run again, is then among those to run `later`. Else what
        it raises is raised; the jobs after it still wait. A name that is not registered raises UnknownJob. What is
        under a rate that is used up is among those that are `parked`.
        """
        ran = 0
        self._waiting.extendleft(reversed(self.parked))  # these come first, and wait again in the same order
        self.parked = []
        while self._waiting:
            enqueued = self._waiting.popleft()
            payload, queue = enqueued.payload, enqueued.queue
            if not self._gates.admit(self._gates_of(payload), self.now):
                self.parked.append(enqueued)
                continue
            self._locks.settle(payload.raw, "start")
            again = None
            try:
                again = try_here(self._app.find(enqueued.name), payload, queue)
            finally:
                if again is None:
                    self._locks.settle(payload.raw, "unique")
            if again is not None:
                moment = When.after(again.delay)
                self.put_later(queue, [(payload.id or encoding.new_id(), again.raw)], moment)
            ran += 1
        return ran

    def _gates_of(self, payload: Payload) -> tuple[Gate, ...]:
        job = self._app.jobs.get(payload.job_class)
        if job is None or job.gauge is None:
            return ()
        try:
            return job.gauge.gates(job.opened(payload).args)
        except PayloadError:
            return ()  # it cannot be decrypted, and will only fail

    def clear(self) -> None:
        """Forget everything."""
        self.enqueued.clear()
        self.parked.clear()
        self.later.clear()
        self._waiting.clear()
        self._locks = FakeLocks()
        self._gates = FakeGates()


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
        """Run the payloads in order; how many. Raises what a job raises at its last try, and then runs no more.

        The next try comes at once. A snooze is raised, since what the job waits for would never come about.
        """
        jobs = [payloads.decode(raw) for raw in raws]
        for payload in jobs:
            job: Payload | None = payload
            while job is not None:
                job = self._try(job, queue)
        return len(jobs)

    def _try(self, payload: Payload, queue: str) -> Payload | None:
        again = try_here(self._find(payload.job_class), payload, queue)
        if again is None:
            return None
        if not again.counted:
            raise Snooze(again.delay)
        return payloads.decode(again.raw)

    push_front = push

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Run unique jobs at once; each is done before the next, so that none stands in the way."""
        del terms, when, front
        self.push(queue, [claim.raw for claim in claims])
        return [None] * len(claims)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Run delayed jobs at once, too, whatever the moment."""
        del when
        pairs = list(jobs)
        self.push(queue, [raw for _, raw in pairs])
        return [job_id for job_id, _ in pairs]

    def keeps_results(self) -> None:
        """Nothing is kept of jobs that the caller sees ending."""
