"""The application's own code for failures, run on a thread of its own once Redis has confirmed the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from resqd import events
from resqd.errors import PayloadError
from resqd.failures import FailureRules
from resqd.store.resque import payload as payloads
from resqd.threads import NamedThread

if TYPE_CHECKING:
    from resqd.store.inflight.recovery import Held

MOST_WAITING: Final = 1_000
"""Records that may wait for the application's code before the worker takes no more jobs."""


class Aftermath:
    """Runs the application's code for failures on a thread of its own, after Redis has confirmed each record.

    What it has not done when its process is killed is not done again. `eased` is called when `full` ends, `prepare`
    on the thread before all else.
    """

    def __init__(
        self,
        *,
        rules: FailureRules,
        eased: Callable[[], object] = lambda: None,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self._rules = rules
        self._eased = eased
        self._prepare = prepare
        self._waiting: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: NamedThread | None = None

    @property
    def full(self) -> bool:
        """Whether so many failures wait that no more jobs should be begun."""
        return self._waiting.qsize() > MOST_WAITING

    def put(self, records: Iterable[bytes | None]) -> None:
        """Note records that are kept now; None is one that nobody wants. Called by one thread only."""
        if not self._rules.acts:
            return
        for record in records:
            if record is not None:
                self._waiting.put(partial(self._rules.after, record))
        self._start()

    def put_crashed(self, crashed: Iterable[tuple[Held, bytes]]) -> None:
        """Note the records of jobs whose process died. Recovery does not wait: what is too much is not told."""
        for held, record in crashed:
            try:
                payload = payloads.decode(held.payload)
            except PayloadError:
                payload = None
            if not self._rules.acts and not self._rules.hooked(payload):
                continue
            if self.full:
                events.App.failure_left_out(waiting=MOST_WAITING)
                continue
            self._waiting.put(partial(self._rules.after, record, payload))
            self._start()

    def put_retried(self, retried: Iterable[tuple[Held, float]]) -> None:
        """Note jobs that ran out of their time, whose process was killed for it, and that run again in some seconds."""
        for held, delay in retried:
            try:
                payload = payloads.decode(held.payload)
            except PayloadError:
                continue
            if self._rules.hooked(payload, "on_retry") and not self.full:
                self._waiting.put(partial(self._rules.after_overrun, payload, held.queue, delay))
                self._start()

    def close(self, timeout: float) -> None:
        """Wait at most so many seconds until all is done."""
        if self._thread is None and not self._waiting.qsize():
            return
        self._start()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout)
        if left := self._waiting.qsize():
            events.App.failures_left_out(count=left)

    def _start(self) -> None:
        """Start the thread, unless it runs. Where the system has none left, what waits is for the next try."""
        if self._thread is not None:
            return
        thread = NamedThread(name="failures", target=self._work)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            events.App.failures_wait(error=error)
        else:
            self._thread = thread

    def _work(self) -> None:
        self._safely(self._prepare)
        while work := self._waiting.get():
            self._safely(work)
            if self._waiting.qsize() == MOST_WAITING:
                self._eased()

    def _safely(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a thread's top: a callback's SystemExit must not end it
            events.App.failure_code_failed()
