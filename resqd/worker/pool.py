"""The job threads of a worker: started as jobs need them, ended by LAST."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from resqd.threads import NamedThread
from resqd.worker.executor import Executor
from resqd.worker.mandate import Wake

_log = logging.getLogger(__name__)


class Pool:
    """Has one executor for each thread, and starts them in order. The fetcher starts, the control thread asks.

    Each thread counts itself out at its end through `ended`, a callable that may be called from
    any thread.
    """

    def __init__(
        self, *, executors: list[Executor], cells: memoryview, wake: Wake, ended: Callable[[], None]
    ) -> None:
        self.executors = executors
        self._threads: list[NamedThread] = []
        self._cells = cells
        self._wake = wake
        self._ended = ended
        self._dismissed = False

    def show(self, executor: Executor) -> None:
        """Put the last job of a thread on the shared page again."""
        self._cells[executor.index] = executor.slot.token

    @property
    def started(self) -> int:
        """How many threads have been started."""
        return len(self._threads)

    def released(self, slots: int) -> int:
        """How many of the slots will run no job any more: their threads have ended, or are not needed."""
        ended = sum(not thread.is_alive() for thread in self._threads)
        return ended + (max(0, slots - self.started) if self._dismissed else 0)

    def dismiss(self) -> None:
        """Give up the threads that have not been started: there will be no job for them."""
        self._dismissed = True

    def start(self, count: int) -> None:
        """Start so many more threads, as far as there are executors."""
        for executor in self.executors[self.started : self.started + count]:
            thread = NamedThread(name=f"job-{executor.index}", target=partial(self._run, executor))
            self._threads.append(thread)
            thread.start()

    def _run(self, executor: Executor) -> None:
        try:
            executor.run(thread_id=threading.get_ident(), cells=self._cells, wake=self._wake)
        except BaseException:
            _log.exception("job thread %d died", executor.index)
            raise
        finally:
            self._ended()
