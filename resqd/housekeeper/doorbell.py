"""Wakes idle fetchers when a job is pushed: the thread that does what the policy of `listening` says."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Container

from resqd import events
from resqd.clock import Clock
from resqd.errors import LoginRefused, StoreError, StoreUnavailable
from resqd.housekeeper.listening import Act, ListeningPolicy, Seen
from resqd.housekeeper.stand_in import StandIn
from resqd.store.redis.health import Backoff
from resqd.store.redis.tracking import Doorbell
from resqd.threads import NamedThread
from resqd.wire.doorbell import Bell

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
