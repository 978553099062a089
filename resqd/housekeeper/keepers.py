"""The keepers of all shards, each with its thread and its link, so that a silent shard holds up its own alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from resqd.clock import Clock, Deadline
from resqd.housekeeper.farewells import Farewells
from resqd.housekeeper.keeper import Keeper
from resqd.threads import NamedThread
from resqd.wire.messages import REDIS_OK, Alive, Farewell, Message, Upkeep


@dataclass(frozen=True, slots=True)
class Shift:
    """What is kept up on one shard: its keeper, and the last words that its recovery needs."""

    keeper: Keeper
    farewells: Farewells


class Keepers:
    """As the control thread commands them, by the number of the shard."""

    def __init__(self, shifts: Sequence[Shift], *, clock: Clock) -> None:
        self._shifts = shifts
        self._clock = clock
        self._threads: list[NamedThread] = []

    def start(self) -> None:
        """Start their threads."""
        names = ["keeper", *(f"keeper {number}" for number in range(1, len(self._shifts)))]
        self._threads = [
            NamedThread(name=name, target=shift.keeper.run)
            for name, shift in zip(names, self._shifts, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def order(self, alive: Alive) -> None:
        """Let each act on this account, and on the deaths of those who worked on its shard."""
        for number, shift in enumerate(self._shifts):
            deaths = tuple(death for death in alive.deaths if death.shard == number)
            shift.keeper.orders.put(replace(alive, deaths=deaths))

    def hear(self, farewell: Farewell) -> None:
        """Keep somebody's last words until each has looked at its shard."""
        for shift in self._shifts:
            shift.farewells.take(farewell)

    def leave(self, seconds: float, *, final: bool) -> None:
        """Ask all to end, and wait so many seconds at most; `final`: the daemon ends with them."""
        for shift in self._shifts:
            shift.keeper.leave(final=final)
        deadline = Deadline.after(seconds, self._clock)
        for thread in self._threads:
            thread.join(max(0.0, deadline.remaining()))

    def stuck_for(self) -> float:
        """For how many seconds one of them has been at one and the same work."""
        return max(shift.keeper.stuck_for() for shift in self._shifts)


class Accounts:
    """Makes one account of how Redis is, for the master, out of those of all keepers. Any keeper's thread may call."""

    def __init__(self, count: int, say: Callable[[Message], None]) -> None:
        self._count = count
        self._say = say
        self._lock = threading.Lock()
        self._told: dict[int, Upkeep] = {}

    def voice(self, shard: int) -> Callable[[Message], None]:
        """By which the keeper of this shard speaks to the master."""
        return self._say if self._count == 1 else partial(self._hear, shard)

    def _hear(self, shard: int, message: Message) -> None:
        with self._lock:
            if isinstance(message, Upkeep):
                self._told[shard] = message
                message = self._summed()
            self._say(message)

    def _summed(self) -> Upkeep:
        """Suspects of a shard that is away are not told: whoever ran them would wait for it, and others not be run."""
        away = [each for _, each in sorted(self._told.items()) if each.redis != REDIS_OK]
        there = {shard: each for shard, each in self._told.items() if each.redis == REDIS_OK}
        worst = away[0] if away else max(self._told.values(), key=lambda each: each.since)
        capped: dict[str, int] = {}
        for each in there.values():
            for queue, count in each.capped_suspects.items():
                capped[queue] = capped.get(queue, 0) + count
        return Upkeep(
            worst.redis,
            worst.since,
            sum(each.suspects for each in there.values()),
            capped,
            tuple(there[shard].suspects if shard in there else 0 for shard in range(self._count)),
        )
