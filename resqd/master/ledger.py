"""What the fleet remembers: how much all workers have done, how each place fared, and how Redis is."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from resqd import events
from resqd.wire.birth import Kind
from resqd.wire.messages import REDIS_OK, REDIS_REFUSED, Stats

WINDOW = 10.0
"""Seconds over which the rate is taken."""
SAMPLE_EVERY = 0.5
"""Seconds between two samples of the total."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds: the first and the longest pause of a place whose children die at boot."""


class Totals(NamedTuple):
    """Jobs that ended, failed ones too, and those that failed; then what became of some, in order of Stats' fields."""

    processed: int = 0
    failed: int = 0
    retried: int = 0
    discarded: int = 0
    expired: int = 0
    timeouts: int = 0

    @classmethod
    def of(cls, stats: Stats) -> Totals:
        """Those of a report."""
        return cls(*(getattr(stats, name) for name in cls._fields))

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(*(one + more for one, more in zip(self, other, strict=True)))

    def most(self, other: Totals) -> Totals:
        """The higher of each."""
        return Totals(*map(max, self, other))


@dataclass(slots=True)
class Ledger:
    """Jobs processed and failed since the daemon's start, and how many a second lately.

    Each fork reports its own totals from its birth, so a report that is lost, late or sent twice
    changes nothing; what a dead fork last said stays in `past`.
    """

    past: Totals = Totals()  # noqa: RUF009 - a constant
    """Those of the forks that are dead."""
    _current: dict[int, Totals] = field(default_factory=dict)
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def report(self, fork: int, stats: Stats) -> None:
        """Take a fork's report; one that is older than the last changes nothing."""
        self._current[fork] = self._current.get(fork, Totals()).most(Totals.of(stats))

    def buried(self, fork: int) -> None:
        """Keep what a dead fork has done."""
        self.past = self.past.plus(self._current.pop(fork, Totals()))

    @property
    def totals(self) -> Totals:
        """All since the daemon's start."""
        found = self.past
        for each in self._current.values():
            found = found.plus(each)
        return found

    @property
    def processed(self) -> int:
        """Jobs that ended, failed ones too."""
        return self.past.processed + sum(each.processed for each in self._current.values())

    @property
    def failed(self) -> int:
        """Jobs that failed."""
        return self.totals.failed

    def sample(self, now: float) -> None:
        """Note the total at this moment, for the rate; cheap enough for every turn of the loop."""
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_EVERY:
            self._samples.append((now, self.processed))
        while len(self._samples) > 2 and now - self._samples[1][0] > WINDOW:
            self._samples.popleft()

    def per_second(self, now: float) -> float:
        """Jobs ended each second, over the last WINDOW seconds."""
        if not self._samples:
            return 0.0
        since, processed = self._samples[0]
        elapsed = now - since
        return (self.processed - processed) / elapsed if elapsed > 0 else 0.0


@dataclass(slots=True)
class Places:
    """What is known of places, whoever stands there; a place is a kind of child and an index."""

    ready_at: dict[tuple[Kind, int], float] = field(default_factory=dict)
    """Before these times a place must stay empty: its last child died at boot, or fork failed."""
    done: set[int] = field(default_factory=set)
    """Places whose worker found its queues empty in a burst."""
    paces: dict[int, float] = field(default_factory=dict)
    """How fast each place's jobs went last, in jobs a second: what its next worker begins with."""
    last_exits: dict[int, str] = field(default_factory=dict)
    """How the last worker of each place ended."""
    exits: Counter[str] = field(default_factory=Counter)
    """Workers that ended, by reason, since this program began."""
    _pauses: dict[tuple[Kind, int], float] = field(default_factory=dict)

    def failed(self, kind: Kind, index: int, now: float) -> float:
        """One more child died at boot there: the pause until the next one, in seconds: 1, 2, 4 ... 30."""
        place = kind, index
        pause = min(LONGEST_PAUSE, self._pauses.get(place, 0.0) * 2 or FIRST_PAUSE)
        self._pauses[place], self.ready_at[place] = pause, now + pause
        return pause

    def fared_well(self, kind: Kind, index: int) -> None:
        """A child lived there for a while, or ended in order: the next pause is the first again."""
        self._pauses.pop((kind, index), None)

    def next_at(self, now: float) -> float | None:
        """When a place that waits may be filled."""
        return min((at for at in self.ready_at.values() if at > now), default=None)


@dataclass(slots=True)
class RedisHealth:
    """How Redis is: the housekeeper's text for `status`, and one outage at a time for the log, whoever sees it.

    An outage's text changes as it goes on; that is for `status`, not for the log.
    """

    text: str
    since: float
    """Since when the text is true, in monotonic seconds."""
    _troubled: set[int] = field(default_factory=set)
    _outage_since: float | None = None
    _refused: bool = False
    """Whether the log was told of this outage that Redis refuses us, which does not pass by itself."""

    def report(self, text: str, since: float) -> None:
        """Take the housekeeper's account."""
        if text != self.text:
            self.text, self.since = text, since

    def note(self, fork: int, text: str, now: float) -> None:
        """Note what a child says. An outage is over when one says that all is well, and nobody else disagrees."""
        if text != REDIS_OK:
            self._troubled.add(fork)
            if self._outage_since is None:
                self._outage_since = now
                if not text.startswith(REDIS_REFUSED):
                    events.Master.redis_lost(why=text)
            if text.startswith(REDIS_REFUSED) and not self._refused:
                self._refused = True
                events.Master.redis_refused(why=text.removeprefix(REDIS_REFUSED))
            return
        self._troubled.discard(fork)
        if self._outage_since is not None and not self._troubled:
            events.Master.redis_back(seconds=now - self._outage_since)
            self._outage_since = None
            self._refused = False

    def forget(self, fork: int) -> None:
        """A child is dead: its trouble is no more, but only another's word ends the outage."""
        self._troubled.discard(fork)
