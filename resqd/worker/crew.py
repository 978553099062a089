"""What runs jobs in a worker: its threads, its event loop, and what surrounds each job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from resqd.app import App
from resqd.application.parts import parts_of
from resqd.clock import Clock
from resqd.failures import FailureRules
from resqd.settings import Settings
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.payload import decode, decode_once
from resqd.threads import Title
from resqd.worker.endings import Endings
from resqd.worker.executor import Executor
from resqd.worker.holdings import Holdings
from resqd.worker.home import Home
from resqd.worker.interrupt import Slot
from resqd.worker.ladder import Alarm, Ladder
from resqd.worker.reach import Reach
from resqd.worker.recorder import Recorder
from resqd.worker.strangers import Strangers
from resqd.worker.tasks import Loop
from resqd.worker.trial import ServerClock, Trials

if TYPE_CHECKING:
    from resqd.worker.isolation.isolation import Isolation


@dataclass(frozen=True, slots=True)
class Common:
    """What a daemon's workers are made of."""

    settings: Settings
    app: App
    link: Link
    """A worker's own; closed until its fetcher opens it."""
    home: Home
    """What is looked up on the home shard."""
    where: str
    """Redis, as log lines name it."""
    worker_id: str
    clock: Clock
    reach: Reach

    @property
    def keys(self) -> Keys:
        """The names in Redis."""
        return Keys(self.settings.namespace)

    @property
    def limited(self) -> bool:
        """Whether any job has limits."""
        return any(job.gauge for job in self.app.jobs.values())


@dataclass(frozen=True, slots=True)
class Crew:
    """What runs jobs: the threads, the event loop where there are async jobs, and what surrounds them."""

    executors: list[Executor]
    loop: Loop | None
    endings: Endings
    ladder: Ladder
    alarm: Alarm
    rules: FailureRules
    title: Title
    server_clock: ServerClock
    trials: Callable[[Slot], Trials]
    isolation: Isolation | None

    @property
    def slots(self) -> list[Slot]:
        """The places where jobs run, those on threads first."""
        return [*(executor.slot for executor in self.executors), *(self.loop.tasks if self.loop else [])]


def has_async(app: App) -> bool:
    """Whether any job of the application is async."""
    return any(job.is_async for job in parts_of(app).catalog.jobs.values())


def _rules(common: Common) -> FailureRules:
    app, catalog = common.app, parts_of(common.app).catalog
    return FailureRules(
        policy=app.failure_policy,
        names=common.settings.failure_backend,
        jobs=catalog.jobs,
        keys=common.keys,
        around=catalog.around,
    )


def _strangers(common: Common) -> Strangers | None:
    """Who else may know the jobs that this application does not; None where those fail at once."""
    if common.settings.unknown_job != "return":
        return None
    return Strangers(
        app=common.app.name or common.settings.app or "",
        look=common.home.knowers,
        clock=common.clock,
    )


def _isolation(endings: Endings) -> Isolation:
    from resqd.worker.isolation.isolation import Isolation  # noqa: PLC0415 - pickle and more, for who isolates jobs

    return Isolation(endings)


def crew_of(common: Common, holdings: Holdings) -> Crew:
    """Everybody, of whom none is at work yet."""
    settings, app = common.settings, common.app
    rules, title, alarm, server_clock = _rules(common), common.reach.title(), Alarm(), ServerClock()
    trials = partial(Trials, jobs=app.jobs, alarm=alarm, clock=server_clock, strangers=_strangers(common))
    endings = Endings(
        outcomes=holdings.outcomes,
        spared=holdings.spared,
        report=Recorder(rules=rules, worker=common.worker_id),
        timed=settings.metered,
    )
    loop = None
    if has_async(app):
        loop = Loop(
            count=settings.async_count,
            first=settings.thread_count,
            holdings=holdings,
            endings=endings,
            trials=trials,
        )
    isolation = _isolation(endings) if any(job.options.isolate for job in app.jobs.values()) else None
    executors = [
        Executor(
            index=index,
            buffer=holdings.buffer,
            endings=endings,
            jobs=parts_of(app).catalog.jobs,
            title=title,
            loud=settings.log_level == "debug",
            loop=loop,
            isolation=isolation,
            trials=trials,
            decode=decode_once if common.limited else decode,
        )
        for index in range(settings.thread_count)
    ]
    slots = [*(executor.slot for executor in executors), *(loop.tasks if loop else [])]
    for slot in slots:
        slot.journal = holdings.journal
    ladder = Ladder(
        slots=slots,
        grace=settings.kill_grace,
        spared=holdings.spared,
        alarm=alarm,
    )
    return Crew(executors, loop, endings, ladder, alarm, rules, title, server_clock, trials, isolation)
