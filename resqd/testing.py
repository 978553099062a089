"""For tests of code that enqueues jobs: run them at once, or record them and run them when asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resqd.inline import Inline, run_here
from resqd.job import Job
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from resqd.app import App
    from resqd.store.resque.payload import Payload


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


class Fake:
    """Records what an app enqueues instead of sending it to Redis."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: deque[Enqueued] = deque()
        self.enqueued: list[Enqueued] = []
        """Everything enqueued, in order, whether it has run or not."""

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Take payloads in place of Redis."""
        taken = [Enqueued(queue, payloads.decode(raw)) for raw in raws]
        self.enqueued += taken
        self._waiting += taken
        return len(taken)

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
        self._waiting.clear()


@contextmanager
def fake(app: App) -> Iterator[Fake]:
    """Within the block nothing goes to Redis: what the app enqueues is recorded."""
    recorder = Fake(app)
    before = app.redirect(recorder)
    try:
        yield recorder
    finally:
        app.redirect(before)


@contextmanager
def inline(app: App) -> Iterator[None]:
    """Within the block jobs run when they are enqueued, in the same thread, and raise what they raise."""
    before = app.redirect(Inline(app.find))
    try:
        yield
    finally:
        app.redirect(before)


def fixture(app: App) -> Callable[..., Any]:
    """A pytest fixture that gives a Fake: in conftest.py, `jobs = resqd.testing.fixture(app)`."""
    import pytest  # noqa: PLC0415 - only tests have it

    @pytest.fixture
    def fake_jobs() -> Iterator[Fake]:
        with fake(app) as recorder:
            yield recorder

    return fake_jobs
