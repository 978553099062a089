"""The keeper: the housekeeper's thread for Redis. Heartbeat, registration, recovery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from resqd.clock import Clock
from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.backoff import Backoff
from resqd.store.health import Health
from resqd.wire.messages import Alive, Identified, Identify, Message, Settled, Upkeep

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every so often, in seconds; it may raise a StoreError, and is then done again."""

    every: float
    action: Callable[[], object]


class Keeper:
    """Does its duties in turn over one connection, until `leave`; then says good-bye to Redis.

    `orders` takes the master's accounts; `say` sends a message to the control thread.
    """

    def __init__(
        self,
        *,
        duties: Sequence[Duty],
        recover: Callable[[Alive], Settled | None],
        identify: Callable[[Identify], Identified],
        suspects: Callable[[], int],
        farewell: Callable[[], object],
        health: Health,
        backoff: Backoff,
        say: Callable[[Message], None],
        clock: Clock,
    ) -> None:
        self.orders: SimpleQueue[Alive | Identify | None] = SimpleQueue()
        self._duties = duties
        self._recover = recover
        self._identify = identify
        self._suspects = suspects
        self._farewell = farewell
        self._health = health
        self._backoff = backoff
        self._say = say
        self._clock = clock
        self._due = [0.0 for _ in duties]
        self._retry_at = 0.0
        self._alive: Alive | None = None
        self._asked: list[Identify] = []
        self._leaving = False
        self._final = False
        self._told: Upkeep | None = None

    def run(self) -> None:
        """Work until told to leave."""
        while not self._leaving:
            if self._clock() >= self._retry_at:
                self._attempt(self._round)
            self._report()
            self._take_orders(max(0.0, max(self._retry_at, min(self._due)) - self._clock()))
        self._attempt(self._farewell_round)

    def leave(self, *, final: bool) -> None:
        """Ask the keeper to end; `final`: the daemon ends with it. Called from the control thread."""
        self._final = final
        self.orders.put(None)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do it. What fails is tried again after a pause, which no order shortens."""
        try:
            work()
        except StoreError as error:
            self._health.bad(error)
            self._retry_at = self._clock() + self._pause(error)
        except Exception:  # noqa: BLE001 - the loop's tick: without this thread nobody would beat or recover
            _log.exception("the housekeeper failed; trying again")
            self._retry_at = self._clock() + self._backoff.delay()
        else:
            self._health.good()
            self._backoff.reset()

    def _pause(self, error: StoreError) -> float:
        """Seconds to wait: an outage may end soon, and after it other hosts wait for our heartbeat."""
        refused = isinstance(error, StoreRefused)
        pause = self._backoff.delay(refused=refused)
        return pause if refused else min(pause, *(duty.every for duty in self._duties))

    def _round(self) -> None:
        """Recovery and what is due. A refusal of one does not keep the others from being done."""
        trouble: StoreError | None = None
        works: list[Callable[[], None]] = [self._answer, self._settle]
        works += [partial(self._do, position) for position in self._now_due()]
        for work in works:
            try:
                work()
            except StoreUnavailable:
                raise
            except StoreError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    def _now_due(self) -> list[int]:
        return [position for position, at in enumerate(self._due) if self._clock() >= at]

    def _do(self, position: int) -> None:
        duty = self._duties[position]
        duty.action()
        self._due[position] = self._clock() + duty.every

    def _answer(self) -> None:
        while self._asked:
            self._say(self._identify(self._asked[0]))
            self._asked.pop(0)

    def _settle(self) -> None:
        """Act on the newest account. It is kept until that is done, so a failure repeats it."""
        if self._alive is None:
            return
        settled = self._recover(self._alive)
        self._alive = None
        if settled is not None or (self._told and self._told.suspects):
            self._report(self._suspects())
        if settled is not None and settled.forks:
            self._say(settled)

    def _farewell_round(self) -> None:
        self._settle()
        if self._final:
            self._farewell()

    def _report(self, suspects: int | None = None) -> None:
        """Say how things are when that is news; the master counts suspects down itself, so a fresh count always is."""
        known = self._told.suspects if self._told else 0
        upkeep = Upkeep(self._health.text, self._health.since, known if suspects is None else suspects)
        if upkeep != self._told or suspects:
            self._told = upkeep
            self._say(upkeep)

    def _take_orders(self, timeout: float) -> None:
        """Wait for an account of the living, of which only the newest counts, or a question."""
        try:
            order = self.orders.get(timeout=timeout)
            while True:
                if order is None:
                    self._leaving = True
                elif isinstance(order, Identify):
                    self._asked.append(order)
                else:
                    self._alive = order
                order = self.orders.get_nowait()
        except Empty:
            return
