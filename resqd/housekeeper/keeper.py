"""The keeper: the housekeeper's one thread for Redis, which does each of its duties every so often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from resqd import events
from resqd.clock import Clock
from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.settings import Settings
from resqd.store.inflight.recovery import Waiting
from resqd.store.keys import Keys
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.health import Backoff, Health, shortcomings
from resqd.store.redis.link import Link
from resqd.store.redis.rights import complaint, lacking
from resqd.wire.messages import Alive, Message, Settled, Upkeep

ONCE = float("inf")
"""How often, in seconds, the checkup is due."""


def check_up(link: Link, settings: Settings) -> None:
    """Warn of each shortcoming. May raise a StoreError."""
    if refused := lacking(link, Keys(settings.namespace)):
        events.Housekeeper.settings_lacking(shortcoming=complaint(refused))
    embedded = settings.redis_url is None and server_binary() is not None
    for line in shortcomings(link, embedded=embedded):
        events.Housekeeper.settings_lacking(shortcoming=line)


FAULT_PAUSE = 5.0
"""Seconds until the next try of a work that failed by a defect, ours or the application's."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do every so often, in seconds; when it raises it is done again. `name` is for the log.

    `wait`, asked after each time, gives the seconds until the next where that depends; then `every` is the most.
    """

    every: float
    action: Callable[[], object]
    name: str = "a duty"
    wait: Callable[[], float] | None = None


@dataclass(slots=True, eq=False)
class _Work:
    """A part of the round that fails alone. `due_at` is when to do it next; `refused` is what Redis said last."""

    name: str
    action: Callable[[], object]
    every: float = 0.0
    wait: Callable[[], float] | None = None
    due_at: float = 0.0
    refused: StoreError | None = None


class Settling:
    """Acts on the newest of the master's accounts of who lives, and tells the master how things are.

    An account is kept until it has been acted on, so a failure repeats it. Owned by the keeper's thread.
    """

    def __init__(
        self,
        *,
        recover: Callable[[Alive], Settled | None],
        suspects: Callable[[], Waiting],
        health: Health,
        say: Callable[[Message], None],
    ) -> None:
        self._recover = recover
        self._suspects = suspects
        self._health = health
        self._say = say
        self._alive: Alive | None = None
        self._told: Upkeep | None = None

    @property
    def due(self) -> bool:
        """Whether there is an account to act on."""
        return self._alive is not None

    def take(self, alive: Alive) -> None:
        """Note an account, of which only the newest counts."""
        self._alive = alive

    def settle(self) -> None:
        """Act on the account. May raise a StoreError."""
        if self._alive is None:
            return
        settled = self._recover(self._alive)
        self._alive = None
        if settled is not None or (self._told and self._told.suspects):
            self.report(self._suspects())
        if settled is not None and settled.forks:
            self._say(settled)

    def report(self, waiting: Waiting | None = None) -> None:
        """Say how things are when that is news; the master counts suspects down itself, so a fresh count always is."""
        fresh = waiting is not None and waiting.suspects > 0
        if waiting is None:
            waiting = (
                Waiting(self._told.suspects, self._told.capped_suspects) if self._told else Waiting(0, {})
            )
        upkeep = Upkeep(self._health.text, self._health.since, waiting.suspects, waiting.capped)
        if upkeep != self._told or fresh:
            self._told = upkeep
            self._say(upkeep)


class Keeper:
    """Does its duties in turn over one connection, until `leave`; then says good-bye to Redis.

    `orders` takes the master's accounts, and None for the end. `last_words` are said when this process ends,
    `farewell` only when the daemon does.
    """

    def __init__(
        self,
        *,
        duties: Sequence[Duty],
        settling: Settling,
        last_words: Callable[[], object],
        farewell: Callable[[], object],
        health: Health,
        backoff: Backoff,
        clock: Clock,
    ) -> None:
        self.orders: SimpleQueue[Alive | None] = SimpleQueue()
        self._works = [_Work(duty.name, duty.action, duty.every, duty.wait) for duty in duties]
        self._shortest = min(duty.every for duty in duties)
        self._settling = settling
        self._recovery = _Work("recovery", settling.settle)
        self._last_words = last_words
        self._farewell = farewell
        self._health = health
        self._backoff = backoff
        self._clock = clock
        self._busy_since: float | None = None
        self._retry_at = 0.0
        self._leaving = False
        self._final = False

    def run(self) -> None:
        """Work until told to leave."""
        while not self._leaving:
            if self._clock() >= self._retry_at:
                self._attempt(self._round)
            self._settling.report()
            self._take_orders(max(0.0, max(self._retry_at, self._next_at()) - self._clock()))
        self._attempt(self._farewell_round)

    def leave(self, *, final: bool) -> None:
        """Ask the keeper to end; `final`: the daemon ends with it. Called from the control thread."""
        self._final = final
        self.orders.put(None)

    def stuck_for(self) -> float:
        """For how many seconds it has been at one and the same work; any thread may ask."""
        began = self._busy_since
        return 0.0 if began is None else self._clock() - began

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do it. While Redis is away everything waits, and no order shortens the pause."""
        try:
            work()
        except StoreError as error:
            self._health.bad(error)
            self._retry_at = self._clock() + self._pause(error)

    def _pause(self, error: StoreError) -> float:
        """Seconds to wait: an outage may end soon, and after it other hosts wait for our heartbeat."""
        refused = isinstance(error, StoreRefused)
        pause = self._backoff.delay(refused=refused)
        return pause if refused else min(pause, self._shortest)

    def _round(self) -> None:
        """What is due, the heartbeat first, then what the master asks. None keeps the others from being done."""
        works = [*self._works, *self._asked_for()]
        for work in works:
            if self._clock() >= work.due_at:
                self._do(work)
        if not any(work.refused for work in works):
            self._health.good()
            self._backoff.reset()

    def _do(self, work: _Work) -> None:
        """Do one work. Errors: StoreUnavailable. What is refused, or fails by a defect, is tried again by itself."""
        self._busy_since = self._clock()
        try:
            work.action()
        except StoreUnavailable:
            raise
        except StoreError as error:
            work.refused = error
            work.due_at = self._clock() + self._pause(error)
            self._health.bad(error)
        except Exception:  # noqa: BLE001 - the loop's tick: without this thread nobody would beat or recover
            events.Housekeeper.duty_failed(duty=work.name, seconds=FAULT_PAUSE)
            work.due_at = self._clock() + FAULT_PAUSE
        else:
            work.refused = None
            work.due_at = self._clock() + (work.every if work.wait is None else min(work.every, work.wait()))
        finally:
            self._busy_since = None

    def _asked_for(self) -> list[_Work]:
        """What the master has asked for and did not get yet."""
        return [self._recovery] if self._settling.due else []

    def _next_at(self) -> float:
        return min(work.due_at for work in (*self._works, *self._asked_for()))

    def _farewell_round(self) -> None:
        self._do(self._recovery)
        self._do(_Work("the last counts", self._last_words))
        if self._final:
            self._do(_Work("the good-bye", self._farewell))

    def _take_orders(self, timeout: float) -> None:
        """Wait for an account of the living, of which only the newest counts."""
        try:
            order = self.orders.get(timeout=timeout)
            while True:
                if order is None:
                    self._leaving = True
                else:
                    self._settling.take(order)
                order = self.orders.get_nowait()
        except Empty:
            return
