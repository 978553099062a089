"""Rates where tests run what was enqueued, by a clock of their own. One job runs at a time, so Concurrency has room."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from resqd.store.later.later import MICRO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.gates.calls import Gate


class FakeGates:
    """When jobs have begun, by the names of their gates; in seconds since 1970."""

    def __init__(self) -> None:
        self._granted: defaultdict[str, list[float]] = defaultdict(list)

    def admit(self, gates: Iterable[Gate], now: float) -> bool:
        """Whether a job begins, which counts at all of its gates then, or waits since one is full."""
        rates = [gate for gate in gates if gate.definition.startswith("r ")]
        if not all(self._has_room(gate, now) for gate in rates):
            return False
        for gate in rates:
            self._granted[gate.name].append(now)
        return True

    def _has_room(self, gate: Gate, now: float) -> bool:
        _, most, per = gate.definition.split()
        recent = [moment for moment in self._granted[gate.name] if moment > now - int(per) / MICRO]
        self._granted[gate.name] = recent
        return len(recent) < int(most)
