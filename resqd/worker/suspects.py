"""Where a worker on probation takes its one job from: the suspects, in order, whose queue has room under its cap."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from resqd.store.inflight import Want
from resqd.worker.quotas import Quotas


class Suspects:
    """Stands in the place of Sources. It looks once: a worker on probation that finds nothing leaves."""

    def __init__(self, *, capped: Collection[str], quotas: Quotas) -> None:
        self.capped = capped
        self._quotas = quotas

    def want(self, count: int, held: Mapping[str, int], *, fresh: bool = False) -> Want | None:  # noqa: ARG002
        """So many suspects, of queues that are not capped or of which this worker owns a unit."""
        owned = self._quotas.current
        return Want(count, closed=tuple(q for q in self.capped if owned.get(q, 0) <= held.get(q, 0)))

    def settle(self, held: Mapping[str, int], *, reserving: bool) -> bool:
        """Give back the units of other queues than that of the job in hand; whether anything changed. See Quotas."""
        return self._quotas.settle(held, reserving=reserving)

    def looked(self, held: Mapping[str, int]) -> None:
        """There is no second look."""

    def freed(self, held: Mapping[str, int]) -> bool:  # noqa: ARG002
        """There is no second look."""
        return False

    def left_out(self, held: Mapping[str, int]) -> bool:  # noqa: ARG002
        """What it may not take now is for another: the master forks it when there is room."""
        return False

    def complain(self, skipped: Iterable[str]) -> None:
        """There are no queues to skip."""
