"""Finds members of batches whose jobs are nowhere any more: taken away by others, in ways that resqd cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from resqd.store.batches.batches import Batches, Status
from resqd.store.debts import member_of, owed_by
from resqd.store.unique.sweep import Sweep

if TYPE_CHECKING:
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

_BATCHES: Final = 1_000
_MEMBERS: Final = 10_000
"""How many members of one batch are looked for at a time: what is left of a larger one is for the next sweep."""

Absent = dict[tuple[str, str], int]
"""By batch and member, how many members of that batch were pending then."""


class LostMembers:
    """Sweeps as `store/unique/sweep` does, step by step. Each method may raise a StoreError."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._batches = Batches(link, keys)
        self._sweep = Sweep(link, keys)

    def claim(self, owner: str, seconds: int) -> bool:
        """Whether this daemon is to sweep now: one of all, every so many seconds."""
        return self._link.claim(self._keys.batches_sweep, owner, seconds, daemons=self._keys.daemons)

    def old(self, age: float) -> Absent:
        """The members that are pending of batches which were made more than `age` seconds ago."""
        now = int(self._link.call("TIME")[0])
        return {
            (status.id, member): status.pending
            for status in self._batches.newest(_BATCHES)
            if status.pending and not status.open and status.created < now - age
            for member in self._batches.some(status.id, "pending", _MEMBERS)
            if not member.startswith("batch:")
        }

    def scan(self, absent: Absent) -> Iterator[None]:
        """Go through all places, and take those members out of `absent` whose jobs are there."""

        def strike(raw: bytes) -> None:
            found = member_of(owed_by(raw))
            if found is not None:
                absent.pop((found[1][0], found[0]), None)

        return self._sweep.walk(strike)

    def release(self, absent: Absent) -> int:
        """Let these end, skipped, where nothing of their batch has ended since; how many did."""
        members: dict[str, list[str]] = {}
        for batch_id, member in absent:
            members.setdefault(batch_id, []).append(member)
        pending = {batch_id: count for (batch_id, _), count in absent.items()}
        idle = [each for each in self._batches.look([*members]) if self._is_idle(each, pending)]
        return sum(self._batches.give_up(status, members[status.id]) for status in idle)

    @staticmethod
    def _is_idle(status: Status, pending: dict[str, int]) -> bool:
        return status.pending == pending[status.id]
