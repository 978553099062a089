"""Gives up what belongs to jobs that are nowhere any more, a little at a time beside the keeper's other duties.

That is locks of unique jobs, and places in batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Final, Generic, Protocol, TypeVar

from resqd import events
from resqd.clock import Clock
from resqd.events import Event
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.store.resque.lost import LostMembers
from resqd.store.unique.sweep import Sweep

EVERY: Final = 3600
"""Seconds between two sweeps, of which one daemon of all makes each."""
LOOK_EVERY: Final = 600.0
"""Seconds between two looks whether one is due."""
AGE: Final = 600.0
"""Seconds for which a lock, or a batch, is left alone."""
APART: Final = 60.0
"""Seconds between the two scans of a sweep: a job that was missed as it moved is found by the other."""
PAUSE: Final = 0.5
"""Seconds between two turns of a scan, and how long one takes: the heartbeat waits meanwhile."""
TURN: Final = 0.02


A = TypeVar("A", bound=Sized)


class Swept(Protocol[A]):
    """What is given up: see `store.unique.sweep` and `store.resque.lost`. Each method may raise a StoreError."""

    def claim(self, owner: str, seconds: int) -> bool:
        """Whether this daemon is to sweep now: one of all, every so many seconds."""

    def old(self, age: float) -> A:
        """What may be given up, since it is older than so many seconds."""

    def scan(self, absent: A) -> Iterator[None]:
        """Go through all places, step by step, and take out what belongs to a job there."""

    def release(self, absent: A) -> int:
        """Give these up, where they are still as they were; how many went."""


class SlowSweep(Generic[A]):
    """Owned by the keeper's thread; `turn` may raise a StoreError, after which it begins anew. `told` says how many."""

    def __init__(self, *, sweep: Swept[A], told: Event, owner: str, clock: Clock) -> None:
        self._sweep = sweep
        self._told = told
        self._owner = owner
        self._clock = clock
        self._steps: Iterator[float] | None = None
        self._pause = LOOK_EVERY

    def wait(self) -> float:
        """Seconds until the next turn."""
        return self._pause

    def turn(self) -> None:
        """Go on for a moment, if there is something to do."""
        steps, self._steps = self._steps, None  # lost with an error
        steps = steps or self._run()
        until = self._clock() + TURN
        for pause in steps:
            if pause or self._clock() >= until:
                self._steps, self._pause = steps, pause or PAUSE
                return
        self._pause = LOOK_EVERY

    def _run(self) -> Iterator[float]:
        """A whole sweep; yields for how many seconds it may rest."""
        if not self._sweep.claim(self._owner, EVERY):
            return
        absent = self._sweep.old(AGE)
        for rest in (APART, 0.0):
            if not absent:
                return
            for _ in self._sweep.scan(absent):
                yield 0.0
            yield rest
        if (released := self._sweep.release(absent)) > 0:
            self._told(count=released)


def duties(house: House, clock: Clock) -> list[Duty]:
    """The sweeps of locks and of batches."""
    link, keys, owner = house.link, house.keys, house.settings.daemon
    released, lost = events.Housekeeper.locks_released, events.Housekeeper.members_lost
    locks = SlowSweep(sweep=Sweep(link, keys), told=released, owner=owner, clock=clock)
    members = SlowSweep(sweep=LostMembers(link, keys), told=lost, owner=owner, clock=clock)
    return [
        Duty(LOOK_EVERY, locks.turn, "the sweep of unique jobs' locks", locks.wait),
        Duty(LOOK_EVERY, members.turn, "the sweep of batches", members.wait),
    ]
