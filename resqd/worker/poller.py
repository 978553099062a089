"""When the fetcher looks at which queues, and how it sleeps between: on its own wake, the clock and the doorbell."""

from __future__ import annotations

import select
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resqd.store.inflight.owner import Want
from resqd.threads import Wake
from resqd.wire.doorbell import Bell
from resqd.worker.demand import NEVER
from resqd.worker.gating import Parked
from resqd.worker.queues import Sources, Suspects

POLL_MOST = 5.0
"""Seconds between two looks at empty queues while the doorbell works."""
FEW = 2
"""Of more idle workers than that each looks more rarely, so that the host's looks stay as few."""
POLL_BURST = 0.1
"""The same with an INTERVAL of 0, while the last jobs run."""


@dataclass(slots=True)
class Lookout:
    """Looks at once while there is a backlog; at empty queues on the bell, and every so often to be safe."""

    first: float
    """Seconds between looks that find nothing, at first and while nothing rings."""
    empty: bool = False
    """Whether the last look found less than was wanted."""
    rung: bool = False
    """Whether the bell has rung since the last look."""
    reopened: bool = False
    """Whether other queues have been paused or resumed since then."""
    _every: float = 0.0
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.first = self.first or POLL_BURST
        self._every = self.first

    def due(self, now: float, *, bell_works: bool) -> bool:
        """Whether to look now, when there is room for jobs."""
        return not self.empty or self.rung or self.reopened or now >= self.next_at(bell_works=bell_works)

    def looked(self, *, got: int, wanted: int, now: float, most: float | None) -> None:
        """Note a look. `most`: a push would ring, so looks that find nothing may become as rare as that, in seconds."""
        self.rung = self.reopened = False
        self.empty = got < wanted
        self._looked_at = now
        rarer = self.first if most is None or got else min(most, max(self._every * 2, most / 8))
        self._every = max(self.first, rarer)

    def next_at(self, *, bell_works: bool) -> float:
        """When to look at empty queues; sooner when the bell has failed since the last look."""
        return self._looked_at + (self._every if bell_works else self.first)


class Sleeper:
    """Waits on the worker's own wake and, while its queues are empty, on the host's doorbell.

    The doorbell is one descriptor in all workers: EPOLLEXCLUSIVE lets the kernel wake one of them.
    """

    def __init__(self, *, wake: Wake, bell: Bell, fork: int) -> None:
        self._wake = wake
        self._bell = bell
        self._fork = fork
        self.listening = False
        """Whether this worker's own flag says that it is idle."""
        self._poll = select.epoll()
        self._poll.register(wake.descriptor, select.EPOLLIN)

    def sleep(self, timeout: float, *, listen: bool) -> bool:
        """Sleep at most `timeout` seconds; whether the doorbell ended it. `listen`: the queues are empty."""
        self._listen(listen=listen)
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
        if self._wake.descriptor in ready:
            self._wake.clear()
        return self._bell.rung in ready and self._bell.take()

    def descriptors(self) -> list[int]:
        """What it needs to be open."""
        return [self._poll.fileno(), self._bell.rung, self._bell.wanted]

    def close(self) -> None:
        """Stop listening for good. The descriptors stay open: closed, they would look like a job's doing."""
        self._listen(listen=False)

    def _listen(self, *, listen: bool) -> None:
        if listen:
            self._bell.set_idle(self._fork, idle=True)
        if listen and not self.listening:
            self._poll.register(self._bell.rung, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            self._bell.want()  # the housekeeper arms, and rings once after: a push in between is not missed
        elif self.listening and not listen:
            self._poll.unregister(self._bell.rung)
            self._bell.set_idle(self._fork, idle=False)
        self.listening = listen


class Poller:
    """Looks at once while there is a backlog, which also wakes the next idle fetcher; else when rung, or now and then.

    `interval` is in seconds; `burst`: the worker ends once its queues are empty. Owned by the fetcher's thread.
    """

    def __init__(
        self,
        *,
        sources: Sources | Suspects,
        sleeper: Sleeper,
        bell: Bell,
        interval: float,
        burst: bool,
        parked: Parked | None = None,
    ) -> None:
        self.capped = bool(sources.capped)
        """Whether some queue has a quota."""
        self._sources = sources
        self._sleeper = sleeper
        self._bell = bell
        self._burst = burst
        self._parked = parked
        self._left_out = False  # in a burst: jobs wait for which this worker has no quota now
        self._lookout = Lookout(interval)

    def exhausted(self) -> bool:
        """Whether a burst is over: the last look found less than was wanted, and no job waits for a quota.

        Nor will any that is parked be back in its queue soon, as those are that wait for a rate.
        """
        if not self._burst or not self._lookout.empty or self._left_out:
            return False
        due_in = self._parked.due_in() if self._parked is not None else None
        if due_in == 0:
            self.expect()
        return due_in is None

    @property
    def next_at(self) -> float:
        """When to look at empty queues though nothing rings."""
        return self._lookout.next_at(bell_works=self._bell.works)

    def due(self, now: float) -> bool:
        """Whether to look now, when there is room for jobs."""
        if self._sources.reopened():
            self._lookout.reopened = True  # not `empty`: a ring that comes with it must find the new queues
        return self._lookout.due(now, bell_works=self._bell.works)

    def want(self, count: int, held: Mapping[str, int]) -> Want | None:
        """So many jobs out of the queues of this moment, by how many are `held` of each; None when there are none.

        Errors: StoreError.
        """
        lookout = self._lookout
        self._left_out = self._burst and self._sources.left_out(held)
        return self._sources.want(count, held, fresh=lookout.rung and lookout.empty)

    def looked(self, *, got: int, wanted: int, held: Mapping[str, int], now: float) -> None:
        """Note a look. Of capped queues the bell may have woken a worker that has no quota left."""
        self._sources.looked(held)
        if got or self._lookout.rung:
            self._bell.answer(found=got > 0)
        most = POLL_MOST * max(1.0, self._bell.idle() / FEW) if self._bell.works and not self.capped else None
        self._lookout.looked(got=got, wanted=wanted, now=now, most=most)
        if not self._lookout.empty or (got and self._sources.full):  # of a full one others may take more
            self._ring_others()

    def expect(self) -> None:
        """Look again at once: something went on that had waited elsewhere."""
        self._lookout.empty = False

    def complain(self, skipped: Iterable[str]) -> None:
        """Say that these queues are keys of another type."""
        self._sources.complain(skipped)

    def share(self, held: Mapping[str, int], *, unfinished: int, reserving: bool) -> bool:
        """Keep the quotas in line with what is held; whether they, or what could be used, changed.

        `unfinished` are all jobs that are held.

        Room in a queue that had none is worth another look.
        """
        changed = self._sources.settle(held, unfinished=unfinished, reserving=reserving)
        if self._sources.freed(held):
            self._lookout.empty = False
        return changed

    def share_at(self, *, unsure: bool) -> float:
        """When to share again though nothing happens; `unsure`: not before it is known what Redis has given."""
        return NEVER if unsure else self._sources.settle_at

    def sleep(self, timeout: float, *, hungry: bool) -> bool:
        """Sleep at most so many seconds; whether the bell rang. `hungry`: a job could begin here, so it is heard."""
        lookout = self._lookout
        if lookout.rung and not hungry:
            lookout.rung = False
            self._ring_others()  # this worker was told to start no more just after it was woken
        lookout.rung = self._sleeper.sleep(timeout, listen=hungry and lookout.empty) or lookout.rung
        return lookout.rung

    def descriptors(self) -> list[int]:
        """What it needs to be open."""
        return self._sleeper.descriptors()

    def close(self) -> None:
        """Stop listening for good."""
        self._sleeper.close()

    def _ring_others(self) -> None:
        if self._bell.idle() > self._sleeper.listening and not self._bell.pending:
            self._bell.ring()
