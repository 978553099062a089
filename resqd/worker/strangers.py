"""A job whose class this daemon does not know: whether another may know it, and when to offer it again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from resqd.clock import Clock
from resqd.errors import StoreError
from resqd.retry import Elsewhere
from resqd.store.inflight.tokens import passes
from resqd.store.resque.knowers import KEPT_OWN, Knower
from resqd.store.resque.payload import Payload

LOOK_EVERY: Final = 30.0
"""Seconds for which it is taken for true who knows what."""
FIRST: Final = 4.0
LONGEST: Final = 30.0
EVEN: Final = 8
"""Times for which the delay does not grow: each time it is about even who of two daemons takes the job."""
MOST_PASSES: Final = 160
"""How often a job is put back that nobody certainly knows: for about an hour."""
BRAKE: Final = 0.05
"""Seconds that a job thread rests after such a job: a queue full of them must not become a spin, nor be emptied by
who does not know them before who does can take them. It holds across forks, since it needs no memory."""


def put_off(knowers: Sequence[Knower], *, app: str, queue: str, job_class: str, passed: int) -> bool:
    """Whether to put a job back for others: always where one knows its class, for a while where one may know it."""
    serving = [each for each in knowers if each.serves(queue) and (each.app != app or each.away <= KEPT_OWN)]
    if any(each.classes is not None and job_class in each.classes for each in serving):
        return True
    return passed < MOST_PASSES and any(each.classes is None and each.app != app for each in serving)


def delay(passed: int, draw: float) -> float:
    """Seconds until a job is offered again that was passed on so often before, spread by a random `draw`.

    From 2 to 4 s at first to 15 to 30 s after a dozen: spread, since jobs that come back together would find the one
    who knows them busy with the first.
    """
    return min(LONGEST, FIRST * 2.0 ** min(max(passed - EVEN, 0), 8)) * (0.5 + draw / 2)


class Strangers:
    """Judges on the job threads, which all share this; `look` asks Redis, over a connection of its own.

    `app` is this daemon's application.
    """

    def __init__(
        self,
        *,
        app: str,
        look: Callable[[], Sequence[Knower]],
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._app = app
        self._look = look
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._lock = Lock()
        self._known: Sequence[Knower] = ()
        self._good_until = 0.0

    def judge(self, payload: Payload, queue: str) -> Elsewhere | None:
        """When others are offered the job; None: it fails."""
        passed = passes(payload.raw)
        try:
            knowers = self._knowers()
        except StoreError:  # so its end could not be told either: later somebody can look
            known = True
        else:
            known = put_off(knowers, app=self._app, queue=queue, job_class=payload.job_class, passed=passed)
        if not known:
            return None
        self._sleep(BRAKE)
        return Elsewhere(delay(passed, self._draw()))

    def _knowers(self) -> Sequence[Knower]:
        with self._lock:
            if self._clock() >= self._good_until:
                self._known = self._look()
                self._good_until = self._clock() + LOOK_EVERY
            return self._known
