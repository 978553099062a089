"""How many jobs to reserve, and how many more a worker may begin: pure logic over counts and a passed-in time."""

from __future__ import annotations

from dataclasses import dataclass, field

SUCCESSOR_AHEAD = 0.5
"""Seconds of work before its last permit at which a worker asks for a successor."""

LAST_JOBS = 5.0
"""Seconds that a worker without permits gives its last jobs before those that can go on elsewhere should."""


@dataclass(slots=True)
class Permits:
    """A count that reserving takes from and returning adds to; `left` is None where there is no limit."""

    left: int | None
    spent: bool = False
    """Whether they have run out for good: quotas were given back for it, so what is returned brings none back."""

    outgrown: bool = False
    """Whether the last jobs, those that can, should go on elsewhere: they take long. Then none come back."""
    _out_since: float | None = None

    @property
    def out(self) -> bool:
        """Whether there are none now."""
        return self.left == 0

    def look(self, now: float, *, ended: int) -> None:
        """See whether the last jobs take long; `ended`: how many others have ended here.

        One that has had the worker to itself may stay: it would be forked for again and again.
        """
        self._out_since = (self._out_since or now) if self.out and ended else None
        if now >= self.outgrown_at:
            self.outgrown = self.spent = True

    @property
    def outgrown_at(self) -> float:
        """When that will be so, if nothing ends before."""
        return float("inf") if self._out_since is None or self.outgrown else self._out_since + LAST_JOBS

    def take(self, jobs: int) -> None:
        """Use permits for reserved jobs."""
        if self.left is not None:
            self.left -= jobs

    def give_back(self, jobs: int) -> None:
        """Get back the permits of jobs that were returned without having begun."""
        if self.left is not None and not self.spent:
            self.left += jobs

    def near_end(self, pace: float) -> bool:
        """Whether the last one is less than SUCCESSOR_AHEAD away at a pace of so many jobs a second."""
        return self.left is not None and self.left <= pace * SUCCESSOR_AHEAD


HORIZON = 0.020
"""Seconds of work that may wait in a worker's buffer."""
MOST = 2000
"""The most jobs that may wait in a worker's buffer."""
REST = 0.050
"""Seconds without a job after which the pace is forgotten."""
STUCK_AFTER = 0.080
"""Seconds after which jobs that wait behind busy threads go back to their queue; promised are 0.1."""


@dataclass(slots=True)
class Prefetch:
    """Measures the pace of a worker and derives how much to reserve.

    There is always enough for idle threads; beyond that, only what will run within HORIZON at the
    measured pace: no-op jobs come by hundreds, jobs of a second one for each idle thread.
    """

    measured_at: float
    pace: float = 0.0
    _completed: int = 0
    _worked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._worked_at = self.measured_at  # an inherited pace is forgotten after a rest, too

    def begin(self, now: float) -> None:
        """Note that jobs have come to idle threads: the time before the first one says nothing about the pace."""
        if not self._completed:
            self.measured_at = now

    def measure(self, completed: int, now: float, *, slots: int) -> None:
        """Note that `completed` jobs ended since the last call; `pace` (jobs/s) follows, half old and half new.

        Jobs that began together end together: the ends of eight long ones within a moment are no
        pace. So what is judged is two jobs a slot, which no thread can end at once, or HORIZON.
        """
        self._completed += completed
        if completed:
            self._worked_at = now
        elapsed = now - self.measured_at
        if elapsed < HORIZON and (self._completed < 2 * slots or elapsed <= 0):
            return
        if self._completed:
            self.pace = (self.pace + self._completed / elapsed) / 2
        self._completed = 0
        self.measured_at = now

    def stuck(self) -> None:
        """Note that jobs waited STUCK_AFTER behind busy threads: the pace was an illusion."""
        self.pace = 0.0

    def target(self, slots: int) -> int:
        """How many jobs the worker should hold: one for each slot, and the buffer."""
        return slots + min(MOST, int(self.pace * HORIZON))

    def want(self, *, unfinished: int, slots: int, permits: int | None, now: float) -> int:
        """How many jobs to reserve now; 0 while more than half of the target is still there.

        `permits` is what is left of JOBS_PER_FORK, None when there is no limit. After a rest the next jobs may
        be others: their pace is measured anew, or idle workers would by turns take all of a few long jobs.
        """
        if not slots:
            return 0  # a successor that waits; its pace is inherited
        if not unfinished and now - self._worked_at >= REST:
            self.pace = 0.0
        target = self.target(slots)
        idle = slots - unfinished
        if idle <= 0 and unfinished > (slots + target) // 2:
            return 0
        want = max(0, target - unfinished)
        return want if permits is None else min(want, permits)
