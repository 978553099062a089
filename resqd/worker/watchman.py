"""When the fetcher looks at the queues, and how it sleeps between: on its own wake, the clock and the doorbell."""

from __future__ import annotations

from resqd.wire.bell import Bell
from resqd.worker.lookout import Lookout
from resqd.worker.sleeper import Sleeper


class Watchman:
    """Looks at once while there is a backlog, which also wakes the next idle fetcher; else when rung, or now and then.

    `interval` is in seconds; owned by the fetcher's thread.
    """

    def __init__(self, *, sleeper: Sleeper, bell: Bell, interval: float) -> None:
        self._sleeper = sleeper
        self._bell = bell
        self._lookout = Lookout(interval)

    @property
    def empty(self) -> bool:
        """Whether the last look found less than was wanted."""
        return self._lookout.empty

    @empty.setter
    def empty(self, empty: bool) -> None:
        self._lookout.empty = empty

    @property
    def rung(self) -> bool:
        """Whether the bell has rung since the last look."""
        return self._lookout.rung

    @property
    def next_at(self) -> float:
        """When to look at empty queues though nothing rings."""
        return self._lookout.next_at(bell_works=self._bell.works)

    def due(self, now: float) -> bool:
        """Whether to look now, when there is room for jobs."""
        return self._lookout.due(now, bell_works=self._bell.works)

    def looked(self, *, got: int, wanted: int, capped: bool, now: float) -> None:
        """Note a look. `capped`: of capped queues the bell may have woken a worker that has no quota left."""
        if got or self.rung:
            self._bell.answer(found=got > 0)
        self._lookout.looked(got=got, wanted=wanted, patient=self._bell.works and not capped, now=now)
        if not self.empty:
            self._ring_others()

    def sleep(self, timeout: float, *, hungry: bool) -> bool:
        """Sleep at most so many seconds; whether the bell rang. `hungry`: a job could begin here, so it is heard."""
        if self.rung and not hungry:
            self._lookout.rung = False
            self._ring_others()  # this worker was told to start no more just after it was woken
        self._lookout.rung = self._sleeper.sleep(timeout, listen=hungry and self.empty) or self.rung
        return self.rung

    def descriptors(self) -> list[int]:
        """What it needs to be open."""
        return self._sleeper.descriptors()

    def close(self) -> None:
        """Stop listening for good."""
        self._sleeper.close()

    def _ring_others(self) -> None:
        if self._bell.idle() > self._sleeper.listening and not self._bell.pending:
            self._bell.ring()
