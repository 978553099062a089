"""The job threads of a worker: how many are needed, started as jobs need them, ended by LAST."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from resqd import events
from resqd.clock import Clock
from resqd.threads import NamedThread, Wake
from resqd.wire.birth import Page
from resqd.worker.executor import Executor

QUICK = 10_000.0
"""Jobs a second at which one thread is enough until shown otherwise: the GIL lets no other one add to it."""
LOOK_EVERY = 0.001
"""The least seconds over which the threads' work is judged, and after which it is looked at again."""
PATIENCE = 3
"""How many looks in a row must find jobs slow: one alone may have seen this process wait for a processor."""


@dataclass(slots=True)
class Staffing:
    """A thread costs 0.2 ms to start and end: much, in a life of a hundred short jobs, for those that find no work."""

    short: bool = False
    """Whether there are more jobs and slots than threads: look again after LOOK_EVERY."""
    _ended: int = 0
    _looked_at: float = 0.0
    _slow_looks: int = 0

    def missing(
        self, *, started: int, slots: int, unfinished: int, ended: int, pace: float, now: float
    ) -> int:
        """How many more threads to start: one for each job and slot where the pace is known to be slow.

        Else one begins, and when jobs have not ended quickly for a while, each look doubles them. `ended` counts
        all jobs that have ended so far, `pace` is in jobs a second, 0 where it is not known.
        """
        missing = min(slots, unfinished) - started
        hired = self._hired(missing, started, ended, pace, now) if missing > 0 else 0
        self.short = hired < missing
        return hired

    def _hired(self, missing: int, started: int, ended: int, pace: float, now: float) -> int:
        if 0 < pace < QUICK:
            return missing
        elapsed = now - self._looked_at
        if started and elapsed < LOOK_EVERY:
            return 0
        slow = started and ended - self._ended < QUICK * elapsed
        self._slow_looks = self._slow_looks + 1 if slow else 0
        self._ended, self._looked_at = ended, now
        if not started:
            return 1
        return min(missing, started) if self._slow_looks >= PATIENCE else 0


TRY_AGAIN = 1.0
"""Seconds until a thread that could not be started is tried again."""
GIVE_UP_AFTER = 2.5
"""Seconds without a single thread after which the worker had better leave: another process may get some."""


class Pool:
    """Has one executor for each thread, and starts them in order. The fetcher starts, the control thread asks.

    Each thread counts itself out at its end through `ended`, a callable that may be called from
    any thread.
    """

    def __init__(
        self,
        *,
        executors: list[Executor],
        page: Page,
        wake: Wake,
        ended: Callable[[], None],
        thread: type[NamedThread] = NamedThread,
        clock: Clock,
    ) -> None:
        self.executors = executors
        self.replaced = 0
        """How many threads had ended out of turn, and stand again."""
        self.retry_at: float | None = None
        """When to try again to start what is missing; None while nothing is."""
        self._staffing = Staffing()
        self._threads: list[NamedThread] = []
        self._page = page
        self._wake = wake
        self._ended = ended
        self._thread = thread
        self._clock = clock
        self._dismissed = False
        self._fallen: set[int] = set()  # threads that say themselves that they end out of turn
        self._unstarted = 0
        self._barren_since: float | None = None

    def show(self, executor: Executor) -> None:
        """Put the last job of a thread on the shared page again."""
        self._page.cells[executor.index] = executor.slot.token

    @property
    def short(self) -> bool:
        """Whether there are more jobs and slots than threads: staff again after LOOK_EVERY."""
        return self._staffing.short

    @property
    def started(self) -> int:
        """How many threads have been started."""
        return len(self._threads)

    @property
    def missing(self) -> int:
        """How many threads there should be and are not. Any thread may ask."""
        return self._unstarted + sum(map(self._has_fallen, range(self.started)))

    @property
    def barren(self) -> bool:
        """Whether not one thread could be started for so long that there will be none in this process."""
        since = self._barren_since
        return since is not None and self._clock() - since >= GIVE_UP_AFTER

    def places(self, slots: int) -> int:
        """How many jobs may run at once of so many slots: a job without a thread must not wait here."""
        return slots if self.retry_at is None else min(slots, self._living())

    def released(self, slots: int) -> int:
        """How many of the slots will run no job any more: their threads have ended, or are not needed."""
        ended = sum(executor.finished for executor in self.executors[: self.started])
        return ended + (max(0, slots - self.started) if self._dismissed else 0)

    def dismiss(self) -> None:
        """Give up the threads that have not been started: there will be no job for them."""
        self._dismissed = True

    def look(self) -> None:
        """Find threads that have ended without a word; called by the control thread now and then."""
        fallen = [index for index in range(self.started) if self._has_fallen(index)]
        if fallen and self.retry_at is None:
            self._fallen.update(fallen)
            self._wake.ring_anew()

    def staff(self, *, slots: int, unfinished: int, ended: int, pace: float) -> bool:
        """Start the threads that these jobs need, see Staffing. False: the system refuses them now."""
        missing = self._staffing.missing(
            started=self.started,
            slots=self.places(slots),
            unfinished=unfinished,
            ended=ended,
            pace=pace,
            now=self._clock(),
        )
        return self.start(missing)

    def start(self, count: int) -> bool:
        """Start so many more threads, as far as there are executors, and those that are missing. False: refused now."""
        if self.retry_at is not None:
            if self._clock() < self.retry_at:
                return True
            count = max(count, self._unstarted)
        elif not count and not self._fallen:
            return True
        wanted = self.executors[self.started : self.started + count]
        try:
            self._replace()
            for executor in wanted:
                self._threads.append(self._launch(executor))
        except (RuntimeError, MemoryError, OSError) as error:
            self._refused(error, wanted)
            return False
        self._all_stand()
        return True

    def _salvage(self) -> None:
        """Account for the jobs of threads that have ended and cannot be replaced."""
        for index in range(self.started):
            if self._has_fallen(index):
                self.executors[index].unload()

    def _replace(self) -> None:
        for index, executor in enumerate(self.executors[: self.started]):
            if self._has_fallen(index):
                self._fallen.discard(index)
                self._threads[index] = self._launch(executor)
                self.replaced += 1
                events.Worker.thread_replaced(index=index)

    def _launch(self, executor: Executor) -> NamedThread:
        thread = self._thread(name=f"job-{executor.index}", target=partial(self._run, executor))
        thread.start()
        return thread

    def _refused(self, error: BaseException, wanted: list[Executor]) -> None:
        """Go on with the threads that there are; said once, until all stand again."""
        first = self.retry_at is None
        self.retry_at = self._clock() + TRY_AGAIN
        self._unstarted = sum(executor.index >= self.started for executor in wanted)
        self._barren_since = None if self._living() else self._barren_since or self._clock()
        if self.barren:
            self._salvage()
        if first:
            events.Worker.threads_refused(
                missing=self.missing,
                wanted=self.started + self._unstarted,
                error=str(error),
                living=self._living(),
                pause=TRY_AGAIN,
            )

    def _all_stand(self) -> None:
        if self.retry_at is not None:
            events.Worker.threads_stand(count=self.started)
        self.retry_at = self._barren_since = None
        self._unstarted = 0

    def _living(self) -> int:
        return sum(thread.is_alive() for thread in self._threads)

    def _has_fallen(self, index: int) -> bool:
        if self.executors[index].finished:
            return False
        return index in self._fallen or not self._threads[index].is_alive()

    def _run(self, executor: Executor) -> None:
        try:
            executor.run(thread_id=threading.get_ident(), page=self._page, wake=self._wake)
        except BaseException:  # noqa: BLE001 - a thread's top
            events.Worker.thread_ended(index=executor.index)
        finally:
            executor.slot.thread_id = 0  # the number may be another thread's soon: nothing is raised by it
            if not executor.finished:
                self._fallen.add(executor.index)
                self._wake.ring_anew()
            self._ended()
