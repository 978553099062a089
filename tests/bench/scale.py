"""How large a run of the benchmark is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and times, in seconds. A measure is repeated `runs` times while its share of `budget` lasts."""

    name: str
    budget: float
    runs: int
    jobs: float
    """A factor on the number of jobs that a drain has."""
    drain: float
    """The longest that one drain is watched."""
    hold: float
    """How long a queue is held at one depth."""
    depths: tuple[int, ...]
    pushes: int
    """How many jobs one look at the latency pushes."""
    settle: float
    """How long an idle daemon is left alone before it is watched."""
    idle: float
    every_point: bool
    """Whether growth is measured between its ends, too, for the picture."""

    def count(self, jobs: int) -> int:
        """A number of jobs at this scale."""
        return max(100, round(jobs * self.jobs))


FULL = Scale(
    name="full",
    budget=560,
    runs=5,
    jobs=1.0,
    drain=10,
    hold=1.5,
    depths=(10_000, 100_000, 1_000_000),
    pushes=400,
    settle=7,
    idle=10,
    every_point=True,
)
QUICK = Scale(
    name="quick",
    budget=45,
    runs=3,
    jobs=0.2,
    drain=2.0,
    hold=0.5,
    depths=(10_000, 1_000_000),
    pushes=60,
    settle=2,
    idle=2,
    every_point=False,
)
