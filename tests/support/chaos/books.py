"""The books of a chaos run: every job that was pushed, what became of it, and whether each rerun has a reason."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.support.chaos.hostile import number_of
from tests.support.recorded import Record

_RECOVERED = re.compile(
    r"^(\S+) WARNING housekeeper .* recovered the jobs of \S+ \(pid (\d+)\)", re.MULTILINE
)

_OVERRUN = re.compile(r"killing .*\(pid (\d+)\).* beyond its timeout")

_UNIQUE = 2 * 10**8
_A_TIME = 10**9
"""Numbers of jobs are smaller, times in seconds since 1970 are not."""


@dataclass(frozen=True, slots=True)
class Together:
    """A batch that Redis said it has: the numbers of its jobs and of its callbacks."""

    members: frozenset[int]
    done: int
    success: int

    def wrong(self, begun: list[int], failed: set[int], accounted: set[int]) -> bool:
        """Whether a callback came too early, or that for success not exactly when no job had failed.

        `begun` are jobs in the order in which they began first.
        """
        told = {self.done, self.success} & set(begun)
        early = bool(told) and bool(self.members & set(begun[begun.index(min(told, key=begun.index)) :]))
        return early or (self.success in accounted) == bool(self.members & failed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `lost`, `unexplained` and `at_once` must be empty."""

    kills: dict[str, int]
    jobs: int
    executed: int
    failed: int
    crashed: int
    """Among the failed: those recorded as DirtyExit."""
    queued: int
    lost: list[int]
    ticks: int
    """Among the jobs: those that recur, one for each second."""
    cancelled: int
    """Among the jobs: those that were taken away while they were to run later."""
    both: list[int]
    """Jobs that were cancelled and ran all the same; must be empty."""
    starts: int
    duplicates: int
    unexplained: list[int]
    """Jobs that were started by more than one process that nothing had happened to."""
    at_once: list[int]
    """Jobs that ran in two processes at a time, though no host had stood still for longer than others wait."""
    unique: int
    """Among the jobs: those that were unique, one of a kind at a time."""
    locks: int
    """Locks of unique jobs that are left though no job is; must be 0."""
    slots: int
    """Slots of limits that are left though no job is in flight; must be 0."""
    tried: int
    """Among the jobs: those that failed, were tried again, and ended."""
    miscounted: list[int]
    """Jobs whose last try began though one before it had not failed: somebody else has counted a try."""
    late: int
    """Among the failed: those whose time was over."""
    batches: int
    misled: list[int]
    """Batches, by the numbers of their callbacks, that called back too early, wrongly or not at all."""
    most: tuple[int, int]
    """The job that was started most often, and how often."""
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
                f"recurring, each second once: {self.ticks}",
                f"tried again: {self.tried}, {len(self.miscounted)} miscounted; out of time: {self.late}",
                f"lost: {len(self.lost)}; cancelled: {self.cancelled}, {len(self.both)} of them ran all the same",
                f"unique: {self.unique}, {self.locks} locks left; slots of limits left: {self.slots}",
                f"duplicate starts: {self.duplicates} of {self.starts}, {len(self.unexplained)} unexplained",
                f"most starts of any one job: {self.most[1]} (job {self.most[0]})",
                f"batches: {self.batches}, {len(self.misled)} of them told a wrong end",
                f"run twice at a time: {len(self.at_once)}",
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
    cancelled: set[int] = field(default_factory=set)
    """Jobs that Redis said it has taken away."""
    perhaps_cancelled: set[int] = field(default_factory=set)
    """Those whose cancelling got no reply."""
    doomed: set[int] = field(default_factory=set)
    """Processes that were killed, by us or by a job, or that lost their master or their host's heartbeat."""
    frozen: set[int] = field(default_factory=set)
    """Those among them that stood still with their whole host, and may go on where others have taken over."""
    together: list[Together] = field(default_factory=list)
    """Batches that were made."""
    worker_kills: list[tuple[int, float]] = field(default_factory=list)
    """Pid and wall time of each SIGKILL of a worker."""
    troubles: list[float] = field(default_factory=list)
    """Wall times of what makes a recovery slow for reasons of its own."""
    kills: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    locks: int = 0
    """Locks of unique jobs that were left when nothing was to run any more."""
    slots: int = 0
    """The same of slots of limits."""

    def close(
        self, record: Record, *, failures: Iterable[bytes], queued: Iterable[bytes], logs: Iterable[Path]
    ) -> Outcome:
        """The outcome; `failures` are records, `queued` payloads, or entries that hold one."""
        failed: dict[int, str] = {}
        for each in failures:
            number, exception = _failure(each)
            failed[number] = exception
        waiting = {number_of(each) for each in queued}
        starts, ends = record.starts(), record.ends()
        accounted = set(failed) | set(ends) | waiting
        gone = self.cancelled | self.perhaps_cancelled
        self.doomed |= _overrun(logs)
        tried = _tries(record)
        ticks = _ticks(accounted | set(starts))
        self.sure |= ticks
        return Outcome(
            kills=dict(self.kills),
            jobs=len(self.sure | (self.unsure & (accounted | set(starts)))),
            executed=len(ends),
            failed=len(failed),
            crashed=sum(exception == "DirtyExit" for exception in failed.values()),
            queued=len(waiting),
            lost=sorted((self.sure | (self.unsure & set(starts))) - accounted - gone),
            ticks=len(ticks),
            cancelled=len(gone - accounted - set(starts)),
            both=sorted(self.cancelled & (accounted | set(starts))),
            starts=sum(starts.values()),
            unique=sum(_UNIQUE < number < 2 * _UNIQUE for number in self.sure - ticks),
            locks=self.locks if not waiting else 0,
            slots=self.slots if not waiting else 0,
            tried=len(tried.keys() & set(ends)),
            miscounted=sorted(
                number for number in tried.keys() & set(ends) if tried[number] != {"try1", "try2"}
            ),
            late=sum(exception == "JobTimeout" for exception in failed.values()),
            batches=len(self.together),
            misled=self._misled(record, set(failed), accounted),
            duplicates=sum(count - 1 for count in starts.values()),
            most=max(starts.items(), key=lambda one: one[1], default=(0, 0)),
            unexplained=self._unexplained(record),
            at_once=self._at_once(record),
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

    def _misled(self, record: Record, failed: set[int], accounted: set[int]) -> list[int]:
        begun = [*dict.fromkeys(number for word, number, _ in record.lines() if word == "start")]
        return [each.done for each in self.together if each.wrong(begun, failed, accounted)]

    def _at_once(self, record: Record) -> list[int]:
        starters: dict[int, list[int]] = defaultdict(list)
        found = set()
        for word, number, pid in record.lines():
            if word == "twice" and not any(one in self.frozen for one in starters[number]):
                found.add(number)
            elif word == "start":
                starters[number].append(pid)
        return sorted(found)

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


def _ticks(seen: set[int]) -> set[int]:
    """The numbers of all ticks that must have been enqueued, which are times: one for each second, without a gap."""
    times = [number for number in seen if number > _A_TIME]
    return set(range(min(times), max(times) + 1)) if times else set()


def _tries(record: Record) -> dict[int, set[str]]:
    """The tries that failed, of each job that was tried again."""
    found: dict[int, set[str]] = defaultdict(set)
    for word, number, _ in record.lines():
        if word.startswith("try"):
            found[number].add(word)
    return dict(found)


def _overrun(logs: Iterable[Path]) -> set[int]:
    """The processes that a master has killed for a job that held on beyond its timeout."""
    return {int(pid) for log in logs for pid in _OVERRUN.findall(log.read_text(errors="replace"))}


def _failure(record: bytes) -> tuple[int, str]:
    """The number of a job that failed, whose payload may be kept as base64, and why."""
    facts = json.loads(record)
    raw = facts["payload"].get("resqd_raw")
    payload = json.dumps(facts["payload"]).encode() if raw is None else base64.b64decode(raw)
    return number_of(payload), facts["exception"]
