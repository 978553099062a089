"""The keeper: the housekeeper's thread for Redis. Heartbeat, registration, recovery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from resqd.clock import Clock
from resqd.errors import StoreError, StoreRefused
from resqd.store.backoff import Backoff
from resqd.store.health import Health
from resqd.wire.messages import Alive, Message, Settled, Upkeep

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every so often, in seconds; it may raise a StoreError, and is then done again."""

    every: float
    action: Callable[[], None]


class Keeper:
    """Does its duties in turn over one connection, until `leave`; then says good-bye to Redis.

    `orders` takes the master's accounts; `say` sends a message to the control thread.
    """

    def __init__(
        self,
        *,
        duties: Sequence[Duty],
        recover: Callable[[Alive], Settled],
        suspects: Callable[[], int],
        farewell: Callable[[], None],
        health: Health,
        backoff: Backoff,
        say: Callable[[Message], None],
        clock: Clock,
    ) -> None:
        self.orders: SimpleQueue[Alive | None] = SimpleQueue()
        self._duties = duties
        self._recover = recover
        self._suspects = suspects
        self._farewell = farewell
        self._health = health
        self._backoff = backoff
        self._say = say
        self._clock = clock
        self._due = [0.0 for _ in duties]
        self._alive: Alive | None = None
        self._leaving = False
        self._final = False
        self._told: Upkeep | None = None

    def run(self) -> None:
        """Work until told to leave."""
        while not self._leaving:
            pause = self._attempt(self._round)
            self._report()
            self._take_orders(pause)
        self._attempt(self._farewell_round)

    def leave(self, *, final: bool) -> None:
        """Ask the keeper to end; `final`: the daemon ends with it. Called from the control thread."""
        self._final = final
        self.orders.put(None)

    def _attempt(self, work: Callable[[], None]) -> float:
        """Do it; the seconds until there is more to do, or until the next try."""
        try:
            work()
        except StoreError as error:
            self._health.bad(error)
            return self._backoff.delay(refused=isinstance(error, StoreRefused))
        self._health.good()
        self._backoff.reset()
        return max(0.0, min(self._due) - self._clock())

    def _round(self) -> None:
        for position, duty in enumerate(self._duties):
            if self._clock() >= self._due[position]:
                duty.action()
                self._due[position] = self._clock() + duty.every
        if self._alive is not None:
            settled = self._recover(self._alive)
            self._alive = None
            self._report(self._suspects())
            if settled.forks:
                self._say(settled)

    def _farewell_round(self) -> None:
        if self._alive is not None:
            self._say(self._recover(self._alive))
        if self._final:
            self._farewell()

    def _report(self, suspects: int | None = None) -> None:
        known = self._told.suspects if self._told else 0
        upkeep = Upkeep(self._health.text, self._health.since, known if suspects is None else suspects)
        if upkeep != self._told:
            self._told = upkeep
            self._say(upkeep)

    def _take_orders(self, timeout: float) -> None:
        """Wait for an account of the living; only the newest counts."""
        try:
            order = self.orders.get(timeout=timeout)
            while True:
                if order is None:
                    self._leaving = True
                else:
                    self._alive = order
                order = self.orders.get_nowait()
        except Empty:
            return
