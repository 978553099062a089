"""What stands before a payload's class: the counts that resqd splices in, and the object that its producer wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.store.debts import OWES, Debts, debts_of
from resqd.store.inflight.tokens import COUNTED, attempts, counts, cursor

if TYPE_CHECKING:
    from collections.abc import Mapping

_LATEST: Final = 1 << 53


class Marks(NamedTuple):
    """What stands before a payload's class: what resqd has spliced in, and the object that its producer wrote.

    `attempts` tries have failed and were retried; None: they cannot be counted, so that the job is never retried.
    `options` is the producer's object.
    """

    deliveries: int
    attempts: int | None
    begun: bool
    """Whether it may have begun before: a try was counted, or a process was lost with it."""
    options: Mapping[str, Any]
    cursor: bytes = b""
    """How far a long job had come, in Base64; empty where it has said nothing."""

    @property
    def debts(self) -> Debts:
        """What is to be settled when the job ends."""
        return debts_of(self.options) if self.options else ()

    @property
    def plain(self) -> bool:
        """Whether all that there is to do about them is to settle what the job owes."""
        return self.attempts == 0 and len(self.options) == 1 and OWES in self.options

    def seconds(self, name: str) -> float | None:
        """An option that is a number of seconds."""
        value = self.options.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if 0 < value < _LATEST else None


_WRITTEN: Final = b'{"resqd":'
"""What a payload begins with that only its producer has written: nothing was counted yet."""
UNMARKED: Final = Marks(0, 0, False, {})


def marks_of(raw: bytes, options: object) -> Marks:
    """The marks of a payload that begins with something else than its class; `options` as it was decoded."""
    if raw.startswith(_WRITTEN):
        return Marks(0, 0, False, options if isinstance(options, dict) else {})
    tried, text = attempts(raw), cursor(raw)
    return Marks(
        deliveries(raw),
        tried,
        bool(tried or text) or raw.startswith(COUNTED),
        options if isinstance(options, dict) else {},
        text,
    )


def deliveries(raw: bytes) -> int:
    """How many deliveries are spliced in front of `raw`; 0 where none are. Reads the first bytes only."""
    found = counts(raw) if raw.startswith(COUNTED) else None
    return 0 if found is None else found.deliveries
