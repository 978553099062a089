"""The books of a chaos run: every job that was pushed, what became of it, and whether each rerun has a reason."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.support.recorded import Record

_RECOVERED = re.compile(
    r"^(\S+) WARNING housekeeper .* recovered the jobs of \S+ \(pid (\d+)\)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `lost` and `unexplained` must be empty."""

    kills: dict[str, int]
    jobs: int
    executed: int
    failed: int
    crashed: int
    """Among the failed: those recorded as DirtyExit."""
    queued: int
    lost: list[int]
    starts: int
    duplicates: int
    unexplained: list[int]
    """Jobs that were started by more than one process that nothing had happened to."""
    slowest_recovery_s: float
    """From a worker's SIGKILL to its jobs being back, where neither Redis nor the daemon was killed meanwhile."""

    def report(self) -> str:
        """One line a fact."""
        killed = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        return "\n".join(
            (
                f"kills: {killed}",
                f"jobs: {self.jobs} pushed, {self.executed} executed, {self.failed} failed "
                f"({self.crashed} of them as DirtyExit), {self.queued} left in queues",
                f"lost: {len(self.lost)}",
                f"duplicate starts: {self.duplicates} of {self.starts}, {len(self.unexplained)} unexplained",
                f"slowest recovery: {self.slowest_recovery_s:.2f} s",
            )
        )


@dataclass
class Books:
    """Filled during the run; `close` adds everything up."""

    sure: set[int] = field(default_factory=set)
    """Jobs that Redis said it has."""
    unsure: set[int] = field(default_factory=set)
    """Jobs whose push got no reply: they may be there or not."""
    doomed: set[int] = field(default_factory=set)
    """Processes that were killed, by us or by a job, or that lost their master or their host's heartbeat."""
    worker_kills: list[tuple[int, float]] = field(default_factory=list)
    """Pid and wall time of each SIGKILL of a worker."""
    troubles: list[float] = field(default_factory=list)
    """Wall times of what makes a recovery slow for reasons of its own."""
    kills: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def close(
        self, record: Record, *, failures: Iterable[bytes], queued: Iterable[bytes], logs: Iterable[Path]
    ) -> Outcome:
        """The outcome; `failures` are records, `queued` payloads."""
        failed: dict[int, str] = {}
        for each in failures:
            facts = json.loads(each)
            failed[facts["payload"]["args"][0]] = facts["exception"]
        waiting = {json.loads(each)["args"][0] for each in queued}
        starts, ends = record.starts(), record.ends()
        accounted = set(failed) | set(ends) | waiting
        return Outcome(
            kills=dict(self.kills),
            jobs=len(self.sure | (self.unsure & (accounted | set(starts)))),
            executed=len(ends),
            failed=len(failed),
            crashed=sum(exception == "DirtyExit" for exception in failed.values()),
            queued=len(waiting),
            lost=sorted((self.sure | (self.unsure & set(starts))) - accounted),
            starts=sum(starts.values()),
            duplicates=sum(count - 1 for count in starts.values()),
            unexplained=self._unexplained(record),
            slowest_recovery_s=self._slowest(logs),
        )

    def _unexplained(self, record: Record) -> list[int]:
        """All starts of a job but one must be in processes that came to a bad end, or that lost their host's life."""
        pids: dict[int, list[int]] = defaultdict(list)
        doomed = set(self.doomed)
        for word, number, pid in record.lines():
            if word == "start":
                pids[number].append(pid)
            elif word == "dies":
                doomed.add(pid)
        return sorted(number for number, those in pids.items() if sum(pid not in doomed for pid in those) > 1)

    def _slowest(self, logs: Iterable[Path]) -> float:
        recovered: dict[int, list[float]] = defaultdict(list)
        for log in logs:
            for match in _RECOVERED.finditer(log.read_text(errors="replace")):
                recovered[int(match[2])].append(datetime.fromisoformat(match[1]).timestamp())
        slowest = 0.0
        for pid, killed_at in self.worker_kills:
            back = min((at for at in recovered[pid] if at >= killed_at - 0.01), default=None)
            if back is None or any(killed_at - 2 <= trouble <= back for trouble in self.troubles):
                continue
            slowest = max(slowest, back - killed_at)
        return slowest
