"""What is left of JOBS_PER_FORK: how many more jobs a worker may begin. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SUCCESSOR_AHEAD = 0.5
"""Seconds of work before its last permit at which a worker asks for a successor."""


@dataclass(slots=True)
class Permits:
    """A count that reserving takes from and returning adds to; `left` is None where there is no limit."""

    left: int | None
    spent: bool = False
    """Whether they have run out for good: quotas were given back for it, so what is returned brings none back."""

    @property
    def out(self) -> bool:
        """Whether there are none now."""
        return self.left == 0

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
