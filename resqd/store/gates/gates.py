"""The gates as a whole: what their rounds do for those that wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from resqd.store.gates.calls import cancel_call, publish_call, settle_call
from resqd.store.keys import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

CHUNK: Final = 50
"""Gates that one call settles."""
FORGET: Final = 60_000_000
"""Microseconds after which a pass that nobody used is forgotten, and with it since when its job waited."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many jobs went on, and in how many seconds there may be room for more; None where nobody knows."""

    passed: int = 0
    due_in: float | None = None
    gates: int = 0
    """At how many gates jobs waited before."""

    def plus(self, other: Settled) -> Settled:
        """Both together."""
        dues = [due for due in (self.due_in, other.due_in) if due is not None]
        return Settled(self.passed + other.passed, min(dues, default=None), self.gates + other.gates)


class Gates:
    """Those at which jobs wait. Each method may raise a StoreError."""

    def __init__(self, *, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def publish(self, life: str, declared: Mapping[str, str]) -> None:
        """Say which limits a daemon declares; the newest daemon that declares one defines it."""
        self._link.run_script(publish_call(self._keys, life, declared))

    def withdraw(self, life: str) -> None:
        """A daemon ends. What it alone has declared stays a limit until the next one says what there is."""
        self._link.call("HDEL", self._keys.limits_declared, life)

    def round(self) -> Settled:
        """Let go on whatever waits where there is room, whoever has failed to see to it."""
        waiting = sorted(map(to_text, self._link.call("SMEMBERS", self._keys.gates)))
        settled = Settled(gates=len(waiting))
        for at in range(0, len(waiting), CHUNK):
            settled = settled.plus(self.settle(waiting[at : at + CHUNK], forget=FORGET))
        return settled

    def cancel(self, tickets: Sequence[str]) -> list[str]:
        """Take parked jobs away: the tickets of those that were there."""
        return [
            to_text(ticket) for ticket in self._link.run_naming(partial(cancel_call, self._keys, tickets))
        ]

    def settle(self, gates: Iterable[str], *, forget: int | None = None) -> Settled:
        """Let go on what waits at these gates, as far as they have room."""
        asked, settled = [*gates], Settled()
        while asked:
            call = partial(settle_call, self._keys, asked, forget=forget)
            passed, due, again = self._link.run_naming(call)
            settled = settled.plus(Settled(passed, None if int(due) < 0 else int(due) / 1_000_000))
            asked = [to_text(name) for name in again]
        return settled
