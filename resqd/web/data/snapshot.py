"""One look at everything: queues, workers, what runs, counters. All readers of one second share it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.store.names import is_pattern, matches
from resqd.web import words
from resqd.web.data.samples import Sample, Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from resqd.app import App
    from resqd.clock import Clock
    from resqd.store.resque.glimpses import QueueLength
    from resqd.store.resque.pauses import Note
    from resqd.store.resque.workers import WorkerStatus, WorkerThreadStatus

FRESH: Final = 1.0
"""Seconds that a look is good for."""
_PART: Final = 0.05
"""The part of a processor that looks may take, however large the fleet is."""
_LATE: Final = 5.0
_MOST_KNOWN: Final = 100_000
_FEW: Final = 1_000
"""Of more queues only those with jobs are asked whether they are paused."""
_RUBY_BEATS: Final = 90.0
"""Seconds after which a Ruby worker, which beats once a minute, is called silent."""


@dataclass(frozen=True, slots=True)
class Running:
    """One job that runs: on which thread, since when (seconds since 1970), and what."""

    worker: WorkerStatus
    pid: int
    thread: str
    queue: str
    since: float | None
    job_class: str
    job_id: str | None
    args: list[Any]
    status: WorkerThreadStatus

    @property
    def place(self) -> str:
        """The thread's name, as forms send it."""
        return f"{self.pid}:{self.thread}"


@dataclass(frozen=True, slots=True)
class Host:
    """One daemon, or one Ruby worker: how it is, and what it runs."""

    worker: WorkerStatus
    silent_for: float
    silent: bool
    running: tuple[Running, ...]

    @property
    def threads(self) -> int:
        """How many jobs it can run at once."""
        return (self.worker.id.worker_count or 1) * (self.worker.id.thread_count or 1)

    @property
    def kind(self) -> str:
        """Who wrote it."""
        return "resqd" if self.worker.ours else "Ruby"


class Queue(NamedTuple):
    """One queue, how many daemons that are not silent work on it, and the note of who paused it, if somebody did."""

    name: str
    size: int | None
    oldest: float | None
    workers: int
    running: int
    paused: Note | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`now` is Redis's time. `took` is how many seconds of this process the look took."""

    now: float
    queues: tuple[Queue, ...]
    hosts: tuple[Host, ...]
    processed: int
    failed: int
    failures_kept: int
    took: float
    later: int = 0
    all_paused_by: str = ""
    """The key that pauses every queue; empty where none does."""
    away: tuple[str, ...] = ()
    """Where the shards are that do not answer, and of which nothing is shown."""

    @property
    def running(self) -> list[Running]:
        """Every job that runs, the longest first."""
        jobs = [job for host in self.hosts for job in host.running]
        return sorted(jobs, key=lambda job: job.since if job.since is not None else self.now)

    @property
    def waiting(self) -> int:
        """Jobs in all queues."""
        return sum(queue.size or 0 for queue in self.queues)

    @property
    def threads(self) -> int:
        """Threads of all hosts that are not silent."""
        return sum(host.threads for host in self.hosts if not host.silent)

    def queue(self, name: str) -> Queue | None:
        """The queue of that name."""
        return next((queue for queue in self.queues if queue.name == name), None)


class Looks:
    """Looks at Redis at the most once a second, however many ask."""

    def __init__(self, app: App, samples: Samples, clock: Clock = time.monotonic) -> None:
        self._app = app
        self._samples = samples
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Snapshot | None = None
        self._known = Listeners()
        self._until = 0.0

    def look(self) -> Snapshot:
        """The newest look; raises StoreError."""
        with self._lock:
            if self._last is None or self._clock() >= self._until:
                self._last = self._new()
                self._until = self._clock() + max(FRESH, self._last.took / _PART)
            return self._last

    def forget(self) -> None:
        """The next look is a new one: something was changed."""
        self._until = 0.0

    def _new(self) -> Snapshot:
        began = self._clock()
        books = self._app.store.books
        workers = books.workers.all()
        threads = books.workers.threads_of_all(workers)
        lengths = books.glimpses.queues()
        kept = books.glimpses.lengths([books.failures.key(name) for name in books.failures.lists()])
        now = books.workers.now()
        few = len(lengths) <= _FEW
        paused = books.pauses.notes([line.name for line in lengths if few or line.size])
        hosts = hosts_of(workers, [running_of(thread) for thread in threads], now)
        found = Snapshot(
            now=now,
            queues=tuple(queues_of(lengths, hosts, paused, self._known)),
            hosts=tuple(hosts),
            processed=books.stats.processed,
            failed=books.stats.failed,
            failures_kept=sum(kept),
            took=self._clock() - began,
            later=self._app.store.on_later(lambda later: later.count()),
            all_paused_by=books.pauses.by_key(),
            away=tuple(self._app.store.left_out),
        )
        running = len(found.running)
        if not found.away:  # else its counts would look as if they had gone, and come back in one second
            self._samples.add(Sample(now, found.processed, found.failed, found.waiting, running))
        return found


def running_of(thread: WorkerThreadStatus) -> Running:
    """What a thread says that it runs; Resque's pages take any payload, so each part may be of any type."""
    job, args = thread.payload, thread.payload.get("args")
    job_id = job.get("id")
    return Running(
        worker=thread.worker,
        pid=thread.pid,
        thread=thread.thread,
        queue=thread.queue,
        since=words.moment_of(thread.run_at),
        job_class=str(job.get("class", "")),
        job_id=job_id if isinstance(job_id, str) and job_id else None,
        args=args if isinstance(args, list) else [],
        status=thread,
    )


def hosts_of(workers: Sequence[WorkerStatus], running: Sequence[Running], now: float) -> list[Host]:
    """Each worker with what it runs; those that are silent first."""
    jobs: dict[str, list[Running]] = {}
    for job in running:
        jobs.setdefault(job.worker.id.text, []).append(job)
    hosts = []
    for worker in workers:
        silent_for = worker.silent_for(now)
        patience = worker.registers_every + _LATE if worker.registers_every else _RUBY_BEATS
        mine = tuple(jobs.get(worker.id.text, ()))
        hosts.append(Host(worker, silent_for, silent_for > patience, mine))
    return sorted(hosts, key=lambda host: (not host.silent, host.worker.id.text))


def queues_of(
    lengths: Sequence[QueueLength],
    hosts: Sequence[Host],
    paused: Mapping[str, Note],
    listeners: Listeners,
) -> list[Queue]:
    """Each queue with who works on it."""
    listeners.learn(hosts)
    busy = Counter(job.queue for host in hosts for job in host.running)
    names = [line.name for line in lengths]
    columns = (
        names,
        (line.size for line in lengths),
        (line.oldest for line in lengths),
        listeners.each(names),
        (busy.get(name, 0) for name in names),
        map(paused.get, names),
    )
    return [
        *map(Queue._make, zip(*columns, strict=True))
    ]  # a look has ten thousand, so it is put together in C


class Listeners:
    """How many daemons work on a queue; what was found is kept until they list other queues."""

    def __init__(self) -> None:
        self._listed: Counter[str] = Counter()
        self._patterns: list[tuple[str, int]] = []
        self._found: dict[str, int] = {}

    def learn(self, hosts: Sequence[Host]) -> None:
        """The queues that those which are not silent list."""
        listed = Counter(name for host in hosts if not host.silent for name in host.worker.id.queues)
        if listed != self._listed or len(self._found) > _MOST_KNOWN:
            self._listed, self._found = listed, {}
            self._patterns = [(name, number) for name, number in listed.items() if is_pattern(name)]

    def each(self, names: Sequence[str]) -> Iterator[int]:
        """How many list each of these."""
        for name in names:
            if name not in self._found:
                self.of(name)
        return map(self._found.__getitem__, names)

    def of(self, name: str) -> int:
        """How many list this queue, by name or pattern."""
        found = self._found.get(name)
        if found is None:
            plain = 0 if is_pattern(name) else self._listed[name]
            found = self._found[name] = plain + sum(
                number for pattern, number in self._patterns if pattern == "*" or matches(pattern, name)
            )
        return found
