"""What Redis has in flight for a worker against what the worker knows: they differ when Redis has lost a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from resqd.store.inflight.owner import Dismiss, Failure, Outbox, Postpone, Return

LOOK_EVERY = 30.0
"""Seconds between two comparisons; there is one after each outage as well."""
KEPT_FOR = 30.0
"""Seconds for which failures with their records, and other rare ends, are kept, should Redis forget them."""
MOST_KEPT = 1_000
MOST_BYTES = 4 << 20
"""The same in number and in size."""


Rare = Failure | Postpone | Dismiss
"""An outcome that is no plain success."""


R = TypeVar("R", Failure, Postpone)


@dataclass(slots=True)
class Differences:
    """What to do about it: tokens to acknowledge again, other outcomes to tell again, tokens to return, and to drop."""

    ended: list[int] = field(default_factory=list)
    again: list[Rare] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    absent: set[int] = field(default_factory=set)

    def tell(self, outbox: Outbox) -> None:
        """Put what Redis must be told into the outbox."""
        outbox.done += self.ended
        outbox.failed += [each for each in self.again if isinstance(each, Failure)]
        outbox.postponed += [each for each in self.again if isinstance(each, Postpone)]
        outbox.dismissed += [each for each in self.again if isinstance(each, Dismiss)]
        outbox.returned += [Return(token) for token in self.strangers]


def compare(
    there: set[int],
    *,
    held: Collection[int],
    outbox: Outbox,
    ended: Container[int],
    recent: Iterable[Rare],
) -> Differences:
    """Compare the tokens in flight with all that the worker knows; only while no answer of Redis's is outstanding.

    A job of which the worker knows nothing, as one that it had returned, goes back to its queue uncharged.
    """
    rare: list[Rare] = [*outbox.failed, *outbox.postponed, *outbox.dismissed]
    owed = {*outbox.done, *(each.token for each in rare), *(each.token for each in outbox.returned)}
    strange = sorted(there.difference(held, owed))
    lately = {each.token: each for each in recent}
    differences = Differences(absent=set(held) - there)
    for token in strange:
        if token in ended:
            differences.ended.append(token)
        elif token in lately:
            differences.again.append(lately[token])
        else:
            differences.strangers.append(token)
    return differences


class Recent:
    """The failures and other rare outcomes that Redis has confirmed lately."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Rare]] = deque()
        self._ends: deque[Dismiss] = deque(maxlen=MOST_KEPT)
        self._tokens: set[int] = set()
        self._bytes = 0

    def add(self, outcomes: Iterable[R], now: float) -> list[R]:
        """Keep them for a while, `now` in the clock's seconds; returns those that are news."""
        news = [each for each in outcomes if each.token not in self._tokens]
        for each in news:
            self._kept.append((now, each))
            self._tokens.add(each.token)
            self._bytes += _size(each)
        while self._kept and self._beyond(now):
            _, oldest = self._kept.popleft()
            self._tokens.discard(oldest.token)
            self._bytes -= _size(oldest)
        return news

    def add_ends(self, ends: Sequence[Dismiss]) -> None:
        """Keep the newest of those that have ended without a record: of a batch there are as many as it has jobs."""
        self._ends.extend(ends[-MOST_KEPT:])

    def _beyond(self, now: float) -> bool:
        return len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES or now - self._kept[0][0] > KEPT_FOR

    def recall(self) -> list[Rare]:
        """All that are kept."""
        return [*(each for _, each in self._kept), *self._ends]


def _size(outcome: Rare) -> int:
    match outcome:
        case Failure(record=record):
            return len(record or b"")
        case Postpone(attempt=attempt):
            return len(attempt)
        case _:
            return 0
