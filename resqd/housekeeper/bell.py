"""The bell thread: listens to Redis while fetchers are idle, and wakes them by the policy of `vigil`."""

from __future__ import annotations

import logging
import os
import random
import select
import time
from collections.abc import Container

from resqd.clock import Clock
from resqd.errors import StoreError, StoreUnavailable
from resqd.housekeeper.vigil import Act, Seen, Vigil
from resqd.store.backoff import Backoff
from resqd.store.doorbell import Doorbell
from resqd.threads import NamedThread
from resqd.wire.bell import Bell

_log = logging.getLogger(__name__)

REFUSED_PAUSE = 30.0
"""Seconds until a server that refused is asked again: a person may have changed its rules."""
QUIET = 0.0015
"""Seconds to be still after a ring: the job's start should not compete with the echo of its own pop."""


class Ringer:
    """A thread that owns the doorbell's connection. While it cannot listen, fetchers poll."""

    def __init__(self, *, bell: Bell, doorbell: Doorbell, backoff: Backoff, clock: Clock) -> None:
        self._bell = bell
        self._doorbell = doorbell
        self._backoff = backoff
        self._clock = clock
        self._leave = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._leaving = False
        self._refusal = ""
        self._thread = NamedThread(name="bell", target=self._run)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def leave(self, seconds: float) -> None:
        """End the thread; wait for it `seconds` at most."""
        self._leaving = True
        os.eventfd_write(self._leave, 1)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._leaving:
                self._rest(self._session())
        except Exception:  # noqa: BLE001 - a thread's top
            _log.exception("the doorbell crashed; fetchers poll")
        finally:
            self._bell.fail()

    def _rest(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._leave, select.POLLIN)
        poll.poll(seconds * 1000)

    def _session(self) -> float:
        """Serve for as long as the connection lives; the seconds until the next try."""
        try:
            self._serve()
        except StoreUnavailable as error:
            _log.debug("the doorbell: %s", error)  # the keeper says that Redis is away
            return self._backoff.delay()
        except StoreError as error:
            self._complain(str(error))
            return REFUSED_PAUSE
        finally:
            self._doorbell.close()
            if self._bell.works:
                self._bell.fail()
        return 0.0

    def _complain(self, refusal: str) -> None:
        if refusal != self._refusal:
            self._refusal = refusal
            _log.warning("no doorbell, so idle workers poll every INTERVAL: %s", refusal)

    def _serve(self) -> None:
        self._doorbell.connect()
        vigil = Vigil(random=random.random, now=self._clock())
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
            for act in vigil.step(now, self._seen(ready, count=vigil.repeat_due(now))):
                self._do(act, vigil)
            ready = dict(poll.poll(self._timeout(vigil)))

    def _seen(self, ready: Container[int], *, count: bool) -> Seen:
        bell = self._bell
        vain = bell.wanted in ready and bell.asked().vain > 0
        pushed = self._doorbell.heard()
        found, pending = bell.found, bell.pending
        idle = bell.idle() if count else bell.any_idle()
        return Seen(pushed=pushed, vain=vain, found=found, pending=pending, idle=idle)

    def _timeout(self, vigil: Vigil) -> float | None:
        """Milliseconds to sleep. What came while a command was answered is not waited for."""
        if self._doorbell.waiting:
            return 0.0
        moment = vigil.next_at(idle=self._bell.any_idle())
        return None if moment is None else max(0.0, moment - self._clock()) * 1000

    def _do(self, act: Act, vigil: Vigil) -> None:
        if act is Act.RING:
            self._bell.ring()
            time.sleep(QUIET)
        elif act is Act.ARM:
            self._doorbell.arm()
            self._works()
        elif act is Act.DISARM:
            self._doorbell.disarm()
        elif act is Act.COUNT:
            vigil.daemons = max(1, self._doorbell.daemons())

    def _works(self) -> None:
        self._backoff.reset()
        self._bell.vouch()
        if self._refusal:
            self._refusal = ""
            _log.info("the doorbell works")
