"""What is wrong now, in words: decided from one look and the last minutes, and remembered since when."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from resqd.web import words
from resqd.web.http import link

if TYPE_CHECKING:
    from resqd.web.data.samples import Rates
    from resqd.web.data.snapshot import Host, Queue, Snapshot

BEHIND: Final = 300.0
"""Seconds that the oldest job of a queue may wait while somebody works on it."""
FAILING_SHARE: Final = 0.1
FAILING_LEAST: Final = 5
OVER_FOR: Final = 60.0
"""Seconds for which a fault that is over is still told."""
_NAMED: Final = 3
"""Things of one kind that are named, each in its sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: in bold `before`, `subject` (as code), `after`; then `rest`; and where to go."""

    key: str
    level: Literal["critical", "warning"]
    before: str
    subject: str
    after: str
    rest: str
    act: str
    goto: str


@dataclass(frozen=True, slots=True)
class Told:
    """A fault with its time: since when, and whether it is over."""

    fault: Fault
    since: float
    over: bool


def faults(look: Snapshot, lately: Rates) -> list[Fault]:
    """Everything that is wrong, worst first."""
    return [*_away(look), *_paused(look), *_unworked(look), *_silent(look), *_failing(lately), *_behind(look)]


def _away(look: Snapshot) -> Iterable[Fault]:
    for place in look.away:
        yield Fault(
            f"away {place}", "critical", "A shard does not answer: ", place, ".",
            "What it holds waits, and is not among what is shown. Jobs of the other shards go on.",
            "See hosts", link("/hosts"),
        )  # fmt: skip


def _unworked(look: Snapshot) -> Iterable[Fault]:
    alone = [queue for queue in look.queues if queue.size and not queue.workers and queue.paused is None]
    if not alone:
        return
    if not any(not host.silent for host in look.hosts):
        jobs = words.plural(sum(queue.size or 0 for queue in alone), "job")
        yield Fault(
            "nobody", "critical", "No worker is running:", "", "",
            f"{jobs} {'waits' if jobs == '1 job' else 'wait'} in {words.plural(len(alone), 'queue')}. "
            "Start one with: resqd start --app MODULE:ATTR",
            "See hosts", link("/hosts"),
        )  # fmt: skip
        return
    alone.sort(key=lambda queue: -(queue.size or 0))
    for queue in alone[:_NAMED]:
        yield Fault(
            f"alone {queue.name}", "critical", "Nobody works on ", queue.name, ":",
            f"{_waits(queue, look.now)} No running daemon lists this queue.",
            "See queue", link("/queue", name=queue.name),
        )  # fmt: skip
    if others := alone[_NAMED:]:
        jobs = words.plural(sum(queue.size or 0 for queue in others), "job")
        yield Fault(
            "alone others", "critical", f"Nobody works on {words.plural(len(others), 'other queue')}:", "", "",
            f"{jobs} {'waits' if jobs == '1 job' else 'wait'} there.", "See queues", link("/queues"),
        )  # fmt: skip


def _paused(look: Snapshot) -> Iterable[Fault]:
    if look.all_paused_by:
        yield Fault(
            "paused", "warning", "All queues are paused:", "", "",
            f"the key {look.all_paused_by} in Redis is set, as stock Resque's pages do.",
            "See queues", link("/queues"),
        )  # fmt: skip


def _silent(look: Snapshot) -> Iterable[Fault]:
    silent = [host for host in look.hosts if host.silent]
    for host in silent[:_NAMED]:
        since = words.age(host.silent_for) if host.silent_for < float("inf") else "as long as is known"
        yield Fault(
            f"silent {host.worker.id.text}", "warning", f"{_host_name(host)} has been silent for {since}.", "", "",
            _fate(host), "See host", link("/host", id=host.worker.id.text),
        )  # fmt: skip
    if others := silent[_NAMED:]:
        yield Fault(
            "silent others", "warning", f"{words.plural(len(others), 'other daemon')} are silent.", "", "",
            "If they are dead, their jobs go back to their queues by themselves.", "See hosts", link("/hosts"),
        )  # fmt: skip


def _fate(host: Host) -> str:
    jobs = words.plural(len(host.running), "job")
    if not host.worker.ours:
        return f"It is a Ruby worker that ran {jobs}; another Ruby worker prunes it."
    if not host.running:
        return "It ran nothing. Another daemon strikes it off."
    return f"It ran {jobs}. Those of a dead daemon go back to their queues by themselves, if another daemon runs."


def _failing(lately: Rates) -> Iterable[Fault]:
    if lately.failures < FAILING_LEAST or lately.failures < FAILING_SHARE * lately.ended:
        return
    share = lately.failures / max(lately.ended, lately.failures)
    yield Fault(
        "failing", "critical", f"Jobs fail at {share:.0%}:", "", "",
        f"{words.count(lately.failures)} of {words.count(max(lately.ended, lately.failures))} that ended in the last "
        "5 minutes.", "See failed", link("/failed", since="1h"),
    )  # fmt: skip


def _behind(look: Snapshot) -> Iterable[Fault]:
    late = [
        queue for queue in look.queues
        if queue.size and queue.workers and queue.paused is None
        and queue.oldest is not None and look.now - queue.oldest > BEHIND
    ]  # fmt: skip
    late.sort(key=lambda queue: queue.oldest or 0.0)
    for queue in late[:_NAMED]:
        yield Fault(
            f"behind {queue.name}", "warning", "", queue.name, " is behind:",
            f"{_waits(queue, look.now)} {words.plural(queue.running, 'thread')} "
            f"{'works' if queue.running == 1 else 'work'} on it.",
            "See queue", link("/queue", name=queue.name),
        )  # fmt: skip


def _waits(queue: Queue, now: float) -> str:
    size = queue.size or 0
    oldest = "" if queue.oldest is None else f", the oldest for {words.age(now - queue.oldest)}"
    return f"{words.plural(size, 'job')} {'waits' if size == 1 else 'wait'}{oldest}."


def _host_name(host: Host) -> str:
    return words.name(host.worker.id.host)


class Memory:
    """Since when each fault is there, as this process has seen it. Threads share it."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Fault, float, float | None]] = {}
        self._lock = threading.Lock()

    def told(self, found: Iterable[Fault], now: float) -> list[Told]:
        """These faults with their times, then those that are over for less than a minute."""
        with self._lock:
            present = {fault.key: fault for fault in found}
            for key, fault in present.items():
                _, since, over = self._since.get(key, (fault, now, None))
                self._since[key] = (fault, now if over is not None else since, None)
            for key, (fault, since, over) in list(self._since.items()):
                if key not in present:
                    if over is not None and now - over > OVER_FOR:
                        del self._since[key]
                    else:
                        self._since[key] = (fault, since, now if over is None else over)
            now_there = [Told(fault, self._since[key][1], over=False) for key, fault in present.items()]
            gone = [
                Told(fault, over, over=True) for fault, _, over in self._since.values() if over is not None
            ]
            return now_there + gone
