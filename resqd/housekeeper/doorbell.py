"""Wakes idle fetchers when a job is pushed: the policy of when to listen to Redis, without I/O, and its thread."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Callable, Container
from enum import Enum, auto
from typing import NamedTuple

from resqd import events
from resqd.clock import Clock
from resqd.errors import LoginRefused, StoreError, StoreUnavailable
from resqd.housekeeper.stand_in import StandIn
from resqd.store.redis.health import Backoff
from resqd.store.redis.tracking import Doorbell
from resqd.threads import NamedThread
from resqd.wire.doorbell import Bell

# The policy: what is seen and the time go in, what to do comes out.

HOLDOFF = 0.001
"""Seconds of mean holdoff for each registered daemon: a fleet of any size costs about a thousand cycles a second."""
LINGER = 0.010
"""Seconds to go on listening while nobody is idle, since a short job's thread soon is again."""
PATIENCE = 0.010
"""Seconds after which a ring that nobody took is repeated: whom the kernel woke may wait for its GIL."""
COUNT_EVERY = 5.0
"""Seconds between two counts of the registered daemons; they also prove that the server would still ring.

It rings no more, and does not say so, once it has become a replica or given the slot away.
"""


class Act(Enum):
    """What to do next."""

    ARM = auto()
    DISARM = auto()
    RING = auto()
    COUNT = auto()


class Seen(NamedTuple):
    """What there is to judge: a named tuple, since a job waits for it to be made.

    `idle` counts fetchers, or is 1 for any number of them unless a repeat is due; `pending`: a ring that
    nobody took; `found` changes when a fetcher got jobs; `pushed`: a queue was written to; `vain`: a rung
    fetcher found nothing. `idle` must be read after the rest: a fetcher raises its flag before it tells so.
    """

    idle: int
    pending: bool
    found: int
    pushed: bool = False
    vain: bool = False


class ListeningPolicy:
    """The policy of one connection's life. Times are in the clock's seconds; `random` gives floats in [0, 1)."""

    def __init__(self, *, random: Callable[[], float], now: float, holdoff: float = HOLDOFF) -> None:
        self.armed = False
        self.daemons = 1
        self._random = random
        self._holdoff = holdoff
        self._off_until = now
        self._count_at = now
        self._idle_at = now
        self._found = 0
        self._excused = False
        self._missed = False
        self._repeat_at: float | None = None
        self._repeats = 0

    def step(self, now: float, seen: Seen) -> list[Act]:
        """What to do about what was seen, in order."""
        if self.armed and seen.vain and self._useless(seen):
            self._off_until = now + self._random() * 2 * self._holdoff * self.daemons
            return self._disarm()
        if not self.armed:
            return self._arm(now) if seen.idle and now >= self._off_until else []
        acts = self._listen(now, seen)
        return [*acts, *self._count(now)] if self.armed and now >= self._count_at else acts

    def repeat_due(self, now: float) -> bool:
        """Whether a step now may repeat a ring, and so must know how many fetchers are idle."""
        return self._repeat_at is not None and now >= self._repeat_at

    def next_at(self, *, idle: int) -> float | None:
        """When to step though nothing happens; None: not before something does."""
        if not self.armed:
            return self._off_until if idle else None
        return self._count_at if self._repeat_at is None else min(self._count_at, self._repeat_at)

    def _useless(self, seen: Seen) -> bool:
        """Whether a vain ring calls for a holdoff.

        Our own pop rings too, so one after a find does not, nor does the ring that follows the arming.
        """
        echo, excused = seen.found != self._found, self._excused
        self._found, self._excused = seen.found, False
        return not echo and not excused

    def _listen(self, now: float, seen: Seen) -> list[Act]:
        if seen.pushed and not seen.idle:
            if now - self._idle_at >= LINGER:
                return self._disarm()
            self._missed = True
        if not seen.idle:
            if self.repeat_due(now):  # there is nobody to be rung again until one idles, who then is
                self._repeat_at = None
                self._missed = self._missed or seen.pending
            return []
        self._idle_at = now
        if seen.pushed or self._missed:
            # A fetcher that looked before the push and waits since: its own flag came too late for that push.
            self._excused = self._excused or self._missed
            self._missed = False
            if not seen.pending:
                return self._ring(now)
            self._repeat_at = self._repeat_at or now + PATIENCE
        return self._repeat(now, seen)

    def _repeat(self, now: float, seen: Seen) -> list[Act]:
        if not self.repeat_due(now):
            return []
        self._repeat_at = None
        if not seen.pending or self._repeats >= seen.idle:
            return []
        return self._ring(now, repeats=self._repeats + 1)

    def _ring(self, now: float, repeats: int = 0) -> list[Act]:
        self._repeat_at = now + PATIENCE
        self._repeats = repeats
        return [Act.RING]

    def _arm(self, now: float) -> list[Act]:
        self.armed = True
        self._excused = True
        self._idle_at = now
        # What was pushed between the fetcher's last look and this moment has rung nobody.
        return [Act.ARM, *self._ring(now), *self._count(now)]

    def _count(self, now: float) -> list[Act]:
        if now < self._count_at:
            return []
        self._count_at = now + COUNT_EVERY
        return [Act.COUNT]

    def _disarm(self) -> list[Act]:
        self.armed = self._missed = False
        self._repeat_at = None
        return [Act.DISARM]


# The thread, which does what the policy says.

REFUSED_PAUSE = 30.0
"""Seconds until a server that refused is asked again: a person may have changed its rules."""
QUIET = 0.0015
"""Seconds to be still after a ring: the job's start should not compete with the echo of its own pop."""


class DoorbellThread:
    """A thread that owns the doorbell's connection. Where it may not listen, `stand_in` asks for all fetchers."""

    def __init__(
        self, *, bell: Bell, doorbell: Doorbell, stand_in: StandIn, backoff: Backoff, clock: Clock
    ) -> None:
        self._bell = bell
        self._doorbell = doorbell
        self._stand_in = stand_in
        self._backoff = backoff
        self._clock = clock
        self._leave = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._leaving = False
        self._refusals: set[str] = set()
        self._thread = NamedThread(name="bell", target=self._run)

    @property
    def hearing(self) -> Doorbell:
        """What tells others what it hears of paused queues."""
        return self._doorbell

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def abort(self) -> None:
        """Let it connect anew: another server takes the writes. Called from any thread."""
        self._doorbell.abort()

    def leave(self, seconds: float) -> None:
        """End the thread; wait for it `seconds` at most."""
        self._leaving = True
        os.eventfd_write(self._leave, 1)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._leaving:
                self._turn()
        except Exception:  # noqa: BLE001 - a thread's top
            events.Housekeeper.doorbell_crashed()
        finally:
            self._bell.fail()

    def _turn(self) -> None:
        """Listen as long as that goes; else wait for the next try, and have it asked meanwhile where it is refused."""
        pause = self._session()
        self._rest(self._ask() if pause is None else pause)

    def _ask(self) -> float:
        """Let the stand-in ring; the seconds to wait until the next try."""
        try:
            self._stand_in.run(self._leave, REFUSED_PAUSE)
        except StoreUnavailable:  # the keeper says that Redis is away
            return self._backoff.delay()
        except StoreError as error:  # then fetchers ask for themselves
            self._complain(str(error))
            return REFUSED_PAUSE
        finally:
            self._bell.fail()
        return 0.0

    def _rest(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._leave, select.POLLIN)
        poll.poll(seconds * 1000)

    def _session(self) -> float | None:
        """Serve for as long as the connection lives; the seconds until the next try. None: we may not listen."""
        try:
            self._serve()
        except StoreUnavailable as error:
            events.Housekeeper.doorbell_lost(error=str(error))  # the keeper says that Redis is away
            return self._backoff.delay()
        except LoginRefused as error:
            events.Housekeeper.doorbell_lost(error=str(error))  # the same
            return self._backoff.delay(refused=True)
        except StoreError as error:
            self._complain(str(error))
            return None
        finally:
            self._doorbell.close()
            if self._bell.works:
                self._bell.fail()
        return 0.0

    def _complain(self, refusal: str) -> None:
        if refusal not in self._refusals:
            self._refusals.add(refusal)
            events.Housekeeper.doorbell_refused(refusal=refusal)

    def _serve(self) -> None:
        self._doorbell.connect()
        policy = ListeningPolicy(random=random.random, now=self._clock())
        poll = select.poll()
        heard = self._doorbell.fileno()
        for source in (self._leave, self._bell.wanted, heard):
            poll.register(source, select.POLLIN)
        # From here to the ring a job waits for every line, most of which have gone out of the caches.
        ready: dict[int, int] = {}
        while not self._leaving:
            if heard in ready:
                self._doorbell.receive()
            now = self._clock()
            for act in policy.step(now, self._seen(ready, count=policy.repeat_due(now))):
                self._do(act, policy)
            ready = dict(poll.poll(self._timeout(policy)))

    def _seen(self, ready: Container[int], *, count: bool) -> Seen:
        bell = self._bell
        vain = bell.wanted in ready and bell.asked().vain > 0
        pushed = self._doorbell.heard()
        found, pending = bell.found, bell.pending
        idle = bell.idle() if count else bell.any_idle()
        return Seen(pushed=pushed, vain=vain, found=found, pending=pending, idle=idle)

    def _timeout(self, policy: ListeningPolicy) -> float | None:
        """Milliseconds to sleep. What came while a command was answered is not waited for."""
        if self._doorbell.waiting:
            return 0.0
        moment = policy.next_at(idle=self._bell.any_idle())
        return None if moment is None else max(0.0, moment - self._clock()) * 1000

    def _do(self, act: Act, policy: ListeningPolicy) -> None:
        if act is Act.RING:
            self._bell.ring()
            time.sleep(QUIET)
        elif act is Act.ARM:
            self._doorbell.arm()
            self._works()
        elif act is Act.DISARM:
            self._doorbell.disarm()
        elif act is Act.COUNT:
            policy.daemons = max(1, self._doorbell.daemons())

    def _works(self) -> None:
        self._backoff.reset()
        self._bell.vouch()
        if self._refusals:
            self._refusals.clear()
            events.Housekeeper.doorbell_works()
