"""Moving the jobs of outboxes to Redis, turn by turn: a thread of the housekeeper does so, and `resqd outbox`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resqd import events
from resqd.application.outbox import ROWS, Mover, Outbox
from resqd.clock import Clock
from resqd.errors import StoreError, StoreUnavailable
from resqd.store.redis.health import Backoff
from resqd.store.relay.relay import Relay

LOOK_EVERY = 0.5
"""Seconds between two looks at an outbox that is empty."""


class Relaying:
    """The outboxes of an application, one after the other. Owned by its thread.

    Nobody is elected: any number of daemons may do so at a time. `sleep` takes seconds.
    """

    def __init__(
        self,
        outboxes: Sequence[Outbox],
        *,
        relay: Relay,
        backoff: Backoff,
        clock: Clock,
        sleep: Callable[[float], object],
    ) -> None:
        self._outboxes = outboxes
        self._movers = [Mover(outbox, relay.put, clock) for outbox in outboxes]
        self._backoff = backoff
        self._sleep = sleep
        self._said = ""

    @property
    def moved(self) -> int:
        """How many jobs since it began."""
        return sum(mover.moved for mover in self._movers)

    def begin(self) -> None:
        """To be called once in the process that moves, before the first turn."""
        for outbox in self._outboxes:
            outbox.begin()

    def run(self, ended: Callable[[], bool]) -> None:
        """Turn after turn until the end; what goes wrong is tried again, after a pause."""
        while not ended():
            self._turn()

    def empty(self) -> None:
        """Move all that is there. Errors: StoreError, and those of the databases."""
        for mover in self._movers:
            while mover.turn().found:
                pass

    @property
    def refused(self) -> list[str]:
        """The queues that take no jobs at present, sorted."""
        return sorted({queue for mover in self._movers for queue in mover.shunned})

    def _turn(self) -> None:
        full = False
        try:
            for mover in self._movers:
                full |= mover.turn().found >= ROWS
        except StoreUnavailable:
            self._sleep(self._backoff.delay())  # the housekeeper says that Redis is away
            return
        except StoreError as error:
            self._fail(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a thread's top, and any database's errors
            self._fail(f"{type(error).__name__}: {error}".partition("\n")[0])
            return
        if self._said and not self.refused:
            events.Outbox.again()
        self._tell_of_refusals()
        self._backoff.reset()
        if not full:
            self._sleep(LOOK_EVERY)

    def _fail(self, why: str) -> None:
        if why != self._said:
            events.Outbox.failed(error=why)
        self._said = why
        self._sleep(self._backoff.delay(refused=True))

    def _tell_of_refusals(self) -> None:
        said = ", ".join(self.refused)
        if said and said != self._said:
            events.Outbox.refused(queues=said)
        self._said = said
