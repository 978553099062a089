"""The housekeeper's part in limits: says what this daemon declares, and leaves no waiter at a gate with room."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resqd.store.gates.gates import Gates

EVERY = 1.0
"""Seconds between two rounds."""
IDLE = 30.0
"""The same where the application declares no limits, and nobody waits."""
SOONEST = 0.002
"""Seconds between two rounds at the least, however often a rate has room again."""


class Limits:
    """Owned by the keeper's thread. `declared` are definitions by name, `life` names this daemon among others."""

    def __init__(
        self, *, gates: Gates, life: str, declared: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._gates = gates
        self._life = life
        self._declared = declared
        self._clock = clock
        self._published_at = float("-inf")
        self._wait = EVERY

    def tend(self) -> None:
        """Publish what is declared, and let go on what waits where there is room. Errors: StoreError."""
        if self._clock() - self._published_at >= EVERY:
            self._gates.publish(self._life, self._declared)
            self._published_at = self._clock()
        settled = self._gates.round()
        self._wait = IDLE if not (self._declared or settled.gates) else EVERY
        if settled.due_in is not None:
            self._wait = min(self._wait, max(SOONEST, settled.due_in))

    def wait(self) -> float:
        """Seconds until the next round."""
        return self._wait

    def leave(self) -> None:
        """The daemon ends, and declares nothing any more."""
        self._gates.withdraw(self._life)
