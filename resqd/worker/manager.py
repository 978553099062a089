"""The fetcher and the job threads, as the control thread commands them; and whether a job can still begin on one."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from resqd import events
from resqd.aftermath import Aftermath
from resqd.threads import NamedThread
from resqd.worker.endings import Endings
from resqd.worker.executor import Executor
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Holdings
from resqd.worker.ladder import Ladder
from resqd.worker.pool import Pool
from resqd.worker.shared import Mandate, Shared

FETCHER_CRASHED = "the fetcher crashed"
"""Why such a worker ends; its jobs are still in flight."""


class Manager:
    """The threads of one worker. The `ladder` interrupts jobs; what concerns the fetcher is `shared` with it."""

    def __init__(
        self,
        *,
        shared: Shared,
        fetcher: Fetcher,
        pool: Pool,
        ladder: Ladder,
        aftermath: Aftermath,
        drop_link: Callable[[], None],
        thread: type[NamedThread] = NamedThread,
    ) -> None:
        self.shared = shared
        self.pool = pool
        self.ladder = ladder
        self.drop_link = drop_link
        """Ends what the fetcher waits for in Redis: it connects anew."""
        self._fetcher = fetcher
        self._aftermath = aftermath
        self._stillness = Stillness(holdings=shared.holdings, executors=pool.executors)
        self._strays = 0
        self._thread = thread(name="fetcher", target=self._fetch)

    def start(self) -> None:
        """Start the fetcher, which starts as many job threads as slots allow and jobs need."""
        self._thread.start()

    def follows(self, mandate: Mandate) -> bool:
        """Whether this mandate has taken effect: where it is not to reserve, no thread can begin a job any more."""
        if self.shared.mandate is not mandate:
            return False
        return mandate is Mandate.RESERVE or self._stillness.reached()

    def released(self) -> int:
        """How many of the slots granted will run no job any more."""
        return self.pool.released(self.shared.slots)

    def look(self) -> None:
        """See whether job threads have ended without a word, and what has struck them."""
        self.pool.look()
        struck = [executor for executor in self.pool.executors if executor.strikes.strays]
        strays = sum(executor.strikes.strays for executor in struck)
        if strays > self._strays:
            events.Worker.strays_ignored(count=strays, kind=struck[-1].strikes.stray)
            self._strays = strays

    def descriptors(self) -> list[int]:
        """What its threads need to be open."""
        return [self.shared.news, self.shared.wake.descriptor, *self._fetcher.descriptors()]

    def blame(self) -> None:
        """Name on the shared page, beside what runs, the last job of each thread that is not settled in Redis yet.

        It has ended, but may have wrecked this process; without a charge it would come back for ever.
        """
        for executor in self.pool.executors:
            if self._fetcher.owes(executor.slot.token):
                self.pool.show(executor)

    def farewell(self) -> tuple[str, tuple[int, ...]]:
        """What has succeeded in this life; once the fetcher has ended."""
        return self._fetcher.farewell()

    def close(self, timeout: float) -> None:
        """Let the application's code for failures come to its end, within so many seconds."""
        self._aftermath.close(timeout)

    def _fetch(self) -> None:
        reason = FETCHER_CRASHED
        try:
            reason = self._fetcher.run()
        except Exception:  # noqa: BLE001 - a thread's top
            events.Worker.fetcher_crashed()
        finally:
            self.shared.reason = reason
            self.shared.announce()


UNSEEN_LOOKS = 20
"""Looks in a row, a millisecond apart, after which a job that shows no Python code counts as begun: it is C's."""
_PERFORM = Executor._perform.__code__  # noqa: SLF001 - where a thread leaves our code for the job's; code objects tell frames apart
_FAILED = Endings.of_failed.__code__


class Stillness:
    """Asked by the control thread when it has ordered the fetcher to give the threads nothing more.

    A thread may have taken a job by then and not have begun it: it can stand between any two
    instructions, since others have the GIL. Its frames tell, and cost nothing while nobody asks.
    """

    def __init__(self, *, holdings: Holdings, executors: Sequence[Executor]) -> None:
        self._holdings = holdings
        self._executors = executors
        self._unseen: dict[int, int] = {}

    def reached(self) -> bool:
        """Whether every job that a thread has, or can take, has begun. False may mean: look again in a moment."""
        tokens = self._holdings.at_large()  # before the threads: a token that moves on is found at its thread
        if not tokens:
            return True
        frames = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's frame
        try:
            begun = {
                executor.slot.token
                for executor in self._executors
                if executor.slot.token in tokens and self._has_begun(executor, frames)
            }
        finally:
            frames.clear()  # it holds this very frame: the cycle would keep what jobs have in their variables
        if tokens != begun:
            return False
        self._unseen.clear()
        return True

    def _has_begun(self, executor: Executor, frames: dict[int, FrameType]) -> bool:
        slot = executor.slot
        if (deputy := slot.deputy) is not None:
            return deputy.begun
        top = frames.get(slot.thread_id)
        inner = list(_inside_perform(top))
        if top is None or not inner:
            return False  # between our own steps
        if len(inner) == 1 and slot.payload is not None:  # no Python code of the job's: not yet, or it is C's
            self._unseen[slot.token] = self._unseen.get(slot.token, 0) + 1
            return self._unseen[slot.token] >= UNSEEN_LOOKS
        self._unseen.pop(slot.token, None)
        if slot.payload is None:
            return _FAILED in (frame.f_code for frame in inner)  # else it is being decoded
        return _entered(top)


def _inside_perform(top: FrameType | None) -> Iterator[FrameType]:
    """The frames from `_perform` inward, outermost last; none where the thread is not in it."""
    frames = []
    while top is not None:
        frames.append(top)
        if top.f_code is _PERFORM:
            yield from frames
            return
        top = top.f_back


def _entered(frame: FrameType) -> bool:
    """Whether the frame has run any of its code: at its very start a thread may have to wait for the GIL."""
    starts = (
        instruction.offset
        for instruction in dis.get_instructions(frame.f_code)
        if instruction.opname == "RESUME"
    )
    return frame.f_lasti > next(starts, -1)
