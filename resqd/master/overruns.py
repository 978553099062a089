"""Jobs whose time is over in workers that cannot say so: whom to kill, and who is to blame. Pure decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from resqd.master.timeouts import MARGIN, STALL


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker at a look: when it was heard last, the tokens on its threads, and those whose time is over."""

    fork: int
    heard: float
    running: frozenset[int]
    overdue: frozenset[int]


@dataclass(frozen=True, slots=True)
class Overrun:
    """A process to kill. `culprit` is the token of the job that did not end; None: any that ran may hold it."""

    fork: int
    culprit: int | None


@dataclass(frozen=True, slots=True)
class _Silence:
    heard: float
    since: float


@dataclass(slots=True)
class Overruns:
    """Counts how long a worker has been silent while a job in it is overdue: its `grace` is KILL_GRACE, in seconds.

    A worker that speaks interrupts such jobs itself. One that does not may have a job that holds the GIL: if one job
    runs, it is that one. Of several it may be any, also one whose time is not over yet, while an overdue one has long
    ended and cannot leave its thread. What passes between two looks that are too far apart does not count: the host
    may have stood still, and the workers with it.
    """

    grace: float
    _silences: dict[tuple[int, int], _Silence] = field(default_factory=dict)
    _looked_at: float = float("-inf")

    def look(self, workers: Iterable[Seen], now: float) -> list[Overrun]:
        """Note what is overdue now; the processes whose silence has lasted for the grace."""
        known = self._silences if now - self._looked_at <= STALL else {}
        self._looked_at, self._silences, found = now, {}, {}
        for worker in workers:
            for token in worker.overdue:
                place = worker.fork, token
                silence = known.get(place)
                if silence is None or silence.heard != worker.heard:
                    silence = _Silence(worker.heard, now)
                self._silences[place] = silence
                if now - silence.since >= self.grace + MARGIN:
                    found[worker.fork] = Overrun(worker.fork, token if worker.running == {token} else None)
        return list(found.values())
