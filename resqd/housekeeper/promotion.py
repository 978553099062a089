"""Moves jobs that are due to their queues, on a thread of its own: the keeper's may be busy with the dead.

Every daemon does so, and nobody is elected: Redis gives each job to one of them. Redis's clock says what is due.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from resqd import events
from resqd.clock import Clock
from resqd.errors import LoginRefused, StoreError, StoreUnavailable
from resqd.store.later.ear import Ear
from resqd.store.later.later import Later
from resqd.store.redis.health import Backoff
from resqd.threads import NamedThread

HOLDOFF: Final = 0.001
"""Seconds by which each daemon is late on the average, for each daemon that there is: one of a hundred is the first
to move a job, and the others need not ask."""
PROVE_EVERY: Final = 10.0
"""Seconds between two proofs that the server would still tell of changes."""
COUNT_EVERY: Final = 30.0
"""Seconds between two counts of the daemons."""
POLL_EVERY: Final = 1.0
"""Seconds between two looks where the server refuses to tell of changes."""
ASK_AGAIN: Final = 30.0
"""Seconds until it is asked again whether it would: a person may have changed its rules."""
REST: Final = 0.0005
"""Seconds that others have Redis to themselves between two calls while many jobs are due."""


class Promotion:
    """One turn after another: look, move what is due, wait. Owned by its thread.

    `random` gives floats in [0, 1); `sleep` takes seconds.
    """

    def __init__(
        self,
        *,
        ear: Ear,
        later: Later,
        daemons: Callable[[], int],
        backoff: Backoff,
        clock: Clock,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ear = ear
        self._later = later
        self._daemons = daemons
        self._backoff = backoff
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._ahead: float | None = None  # Redis's time less ours, in seconds
        self._many = 1
        self._count_at = float("-inf")
        self._deaf = ""
        self._deaf_until = float("-inf")

    def start(self) -> None:
        """Run on a thread until the process ends."""
        NamedThread(name="promotion", target=self._run).start()

    def _run(self) -> None:
        while True:
            self.turn()

    def turn(self) -> None:
        """One turn; what goes wrong is tried again, after a pause."""
        try:
            self._turn()
        except StoreUnavailable:
            self._ahead = None  # another server may have another clock; the keeper says that Redis is away
            self._sleep(self._backoff.delay())
        except LoginRefused:
            self._sleep(self._backoff.delay(refused=True))  # the keeper says that we are not let in
        except StoreError as error:
            if str(error) != self._deaf:
                self._deaf = str(error)
                events.Housekeeper.promotion_refused(error=self._deaf)
            self._sleep(self._backoff.delay(refused=True))
        except Exception:  # noqa: BLE001 - a thread's top: without it no job that is due would run
            events.Housekeeper.promotion_failed()
            self._sleep(self._backoff.delay(refused=True))

    def _turn(self) -> None:
        due = self._look()
        self._backoff.reset()
        if due is None:
            self._wait(PROVE_EVERY)
        elif (left := self._left(due)) > 0:
            self._wait(left + self._holdoff())
        else:
            self._promote()

    def _look(self) -> float | None:
        """When the first is due, by Redis's time."""
        if self._is_deaf:
            return self._later.first()
        try:
            due = self._ear.first()
        except (StoreUnavailable, LoginRefused):
            raise
        except StoreError as error:
            if str(error) != self._deaf:
                self._deaf = str(error)
                events.Housekeeper.promotion_polls(refusal=self._deaf)
            self._deaf_until = self._clock() + ASK_AGAIN
            return self._later.first()
        return due

    @property
    def _is_deaf(self) -> bool:
        return self._clock() < self._deaf_until

    def _left(self, due: float) -> float:
        """Seconds until then; 0 where Redis's time is not known, so that it is asked for."""
        return 0.0 if self._ahead is None else max(0.0, due - self._ahead - self._clock())

    def _promote(self) -> None:
        while True:
            promoted = self._later.promote()
            self._ahead = promoted.now - self._clock()
            if promoted.left != 0:
                return
            self._sleep(REST)

    def _wait(self, seconds: float) -> None:
        """Wait for the moment, or for another job that is to be first."""
        if self._is_deaf:
            self._sleep(min(seconds, POLL_EVERY))
        elif self._ear.wait(min(seconds, PROVE_EVERY)):
            self._sleep(self._holdoff())
        elif seconds >= PROVE_EVERY:
            self._ear.prove()

    def _holdoff(self) -> float:
        """Seconds to let others go first; none where there are none."""
        now = self._clock()
        if now >= self._count_at:
            self._count_at = now + COUNT_EVERY
            self._many = max(1, self._daemons())
        return 0.0 if self._many == 1 else self._random() * 2 * HOLDOFF * self._many
