"""What Redis has in flight for a worker against what the worker knows: they differ when Redis has lost a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field

from resqd.store.inflight.owner import Failure, Outbox, Return

LOOK_EVERY = 30.0
"""Seconds between two comparisons; there is one after each outage as well."""
KEPT_FOR = 30.0
"""Seconds for which the records of failures are kept, should Redis forget them."""
MOST_KEPT = 1_000
MOST_BYTES = 4 << 20
"""The same in number and in size."""


@dataclass(slots=True)
class Differences:
    """What to do about it: tokens to acknowledge again, failures to record again, tokens to return, and to drop."""

    ended: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    absent: set[int] = field(default_factory=set)

    def tell(self, outbox: Outbox) -> None:
        """Put what Redis must be told into the outbox."""
        outbox.done += self.ended
        outbox.failed += self.failed
        outbox.returned += [Return(token) for token in self.strangers]


def compare(
    there: set[int],
    *,
    held: Collection[int],
    outbox: Outbox,
    ended: Container[int],
    failures: Iterable[Failure],
) -> Differences:
    """Compare the tokens in flight with all that the worker knows; only while no answer of Redis's is outstanding.

    A job of which the worker knows nothing, as one that it had returned, goes back to its queue uncharged.
    """
    owed = {
        *outbox.done,
        *(failure.token for failure in outbox.failed),
        *(each.token for each in outbox.returned),
    }
    strange = sorted(there.difference(held, owed))
    recent = {failure.token: failure for failure in failures}
    differences = Differences(absent=set(held) - there)
    for token in strange:
        if token in ended:
            differences.ended.append(token)
        elif token in recent:
            differences.failed.append(recent[token])
        else:
            differences.strangers.append(token)
    return differences


class RecentFailures:
    """The failures that Redis has confirmed lately."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Failure]] = deque()
        self._tokens: set[int] = set()
        self._bytes = 0

    def add(self, failures: Iterable[Failure], now: float) -> list[Failure]:
        """Keep them for a while, `now` in the clock's seconds; returns those that are news."""
        news = [failure for failure in failures if failure.token not in self._tokens]
        for failure in news:
            self._kept.append((now, failure))
            self._tokens.add(failure.token)
            self._bytes += len(failure.record or b"")
        while self._kept and self._beyond(now):
            _, oldest = self._kept.popleft()
            self._tokens.discard(oldest.token)
            self._bytes -= len(oldest.record or b"")
        return news

    def _beyond(self, now: float) -> bool:
        return len(self._kept) > MOST_KEPT or self._bytes > MOST_BYTES or now - self._kept[0][0] > KEPT_FOR

    def recall(self) -> list[Failure]:
        """All that are kept."""
        return [failure for _, failure in self._kept]
