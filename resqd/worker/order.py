"""In which order the queues have their turn: strictly, in shares by weight, or one after the other. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final

from resqd.queue_specs import QueueSpec
from resqd.store.inflight.outbox import Ring, Turns
from resqd.store.names import matches
from resqd.worker.open_queues import Limited

_GOLDEN: Final = (math.sqrt(5) - 1) / 2
"""Steps of it, modulo 1, leave no part of the line without a visit for long, however many they are."""
_KNOWN: Final = 100_000
"""Queues of which it is remembered to which entry they belong."""


class Order:
    """Deals out what is wanted to the entries of QUEUES, as RESQD_ORDER says; `random` is uniform below 1.

    The first share falls where `random` says, since a worker of one job asks once in its life. Within an entry the
    queues have their turn in Redis, so that all workers and daemons go on with one turn.
    """

    def __init__(self, specs: Sequence[QueueSpec], order: str, random: Callable[[], float]) -> None:
        self._specs = tuple(specs)
        self._order = order
        self._random = random
        self._phase: float | None = None
        self._entries: dict[str, int] = {}
        self._of: Limited = ()
        self._rings: tuple[Ring, ...] = ()

    def turns(self, queues: Limited, count: int) -> Turns:
        """The rings of these queues, in the order of `expand`, with their shares of `count`; none in strict order.

        The same tuple of queues is looked at once.
        """
        if self._order == "strict":
            return ()
        if queues is not self._of:
            self._of, self._rings = queues, self._make(queues)
        if len(self._rings) == 1:
            return ((self._rings[0], count),)
        dealt = zip(
            self._rings, shares([ring.weight for ring in self._rings], count, self._step()), strict=True
        )
        return tuple(sorted(dealt, key=lambda turn: -(self._random() ** (1 / turn[0].weight))))

    def _step(self) -> float:
        phase = self._random() if self._phase is None else self._phase + _GOLDEN
        self._phase = phase % 1
        return self._phase

    def _make(self, queues: Limited) -> tuple[Ring, ...]:
        if self._order == "round-robin":
            return (Ring(",".join(spec.pattern for spec in self._specs), 1, len(queues)),)
        return rings(self._specs, [self._entry(name) for name, _ in queues])

    def _entry(self, queue: str) -> int:
        """Where the first entry stands that matches."""
        found = self._entries.get(queue)
        if found is None:
            if len(self._entries) >= _KNOWN:
                self._entries.clear()
            found = next(at for at, spec in enumerate(self._specs) if matches(spec.pattern, queue))
            self._entries[queue] = found
        return found


def rings(specs: Sequence[QueueSpec], entries: Iterable[int]) -> tuple[Ring, ...]:
    """A ring for each entry that any of the queues belong to; `entries` says to which each does, in their order."""
    sizes = Counter(entries)
    lasts = accumulate(sizes[entry] for entry in sorted(sizes))
    return tuple(
        Ring(specs[entry].pattern, last - sizes[entry] + 1, last, specs[entry].weight)
        for entry, last in zip(sorted(sizes), lasts, strict=True)
    )


def shares(weights: Sequence[int], count: int, phase: float) -> list[int]:
    """Whole shares of `count` by weight. Over phases that are spread evenly from 0 to 1, each is exact on average."""
    total = sum(weights)
    reached = [math.floor(count * heard / total + phase) for heard in accumulate(weights[:-1])]
    return [after - before for before, after in pairwise([0, *reached, count])]
