"""A worker's account of itself, now and then: stats for the master, the process title, thread stacks."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

from resqd import SHORT_VERSION, events
from resqd.clock import Clock
from resqd.settings import Settings
from resqd.store.resque.encoding import dump
from resqd.store.resque.failure_record import page_safe
from resqd.store.resque.payload import Payload
from resqd.text import escaped, shown
from resqd.threads import Title
from resqd.wire.birth import Birth
from resqd.wire.intent import Intent
from resqd.wire.messages import JobMetrics, Progress, Running, Stats
from resqd.worker.interrupt import Slot
from resqd.worker.metrics import Metrics
from resqd.worker.pool import Pool
from resqd.worker.shared import Shared
from resqd.worker.slow import Slow
from resqd.worker.tasks import Loop

PREVIEW = 2048
"""The most bytes of a running job's payload that a report carries."""
ALL_PREVIEWS = 256 * 1024
"""The same for all threads together: a report must fit into a frame."""
NOTE = 200
"""The most characters of a note beside a job's progress."""
_STATM = "/proc/self/statm"
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_RESIDENT = 1
_KIBIBYTE = 1024
_STACKS = 200_000
"""The most characters of all stacks together: the answer must fit into a frame."""


def resident_bytes() -> int:
    """This process's resident memory, from proc(5)'s statm: cheaper than a scan through psutil four times a second."""
    try:
        with open(_STATM, "rb", buffering=0) as statm:
            return int(statm.read().split()[_RESIDENT]) * _PAGE_SIZE
    except OSError:  # a job has used up the descriptors: its peak is known without one
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTE


def running(slots: Sequence[Slot]) -> tuple[Running, ...]:
    """The jobs on the threads now. A slot may change under the look: what is shown was true a moment ago."""
    limit = min(PREVIEW, ALL_PREVIEWS // max(1, len(slots)))
    return tuple(
        Running(
            index,
            slot.token,
            shown(payload.id or ""),
            shown(payload.job_class),
            shown(slot.queue),
            slot.since,
            preview(payload, limit),
            progress(slot),
        )
        for index, slot in enumerate(slots)
        if slot.open and (payload := slot.payload) is not None
    )


def progress(slot: Slot) -> tuple[Progress, ...]:
    """How far the slot's job says that it is."""
    told = slot.journal.progress(slot.token)
    return () if told is None else (Progress(told.done, told.total, escaped(told.note[:NOTE])),)


def preview(payload: Payload, limit: int) -> bytes:
    """A payload as web pages can show it: itself up to `limit` bytes, else an object with the start of it."""
    if len(payload.raw) <= limit and len(whole := page_safe(payload.raw, payload)) <= limit:
        return whole
    start = escaped(payload.raw[: min(limit // 8, 200)].decode(errors="backslashreplace"))
    about = {"class": shown(payload.job_class), "args": [f"{start}…"]}
    return dump(about if payload.id is None else {**about, "id": shown(payload.id)})


def title_head(*, prefix: str, name: str, done: int, permits: int) -> str:
    """The beginning of the title that `ps` shows, for instance `resqd-1.0: worker 2 [512/1000]`."""
    progress = f" [{done}/{permits}]" if permits else ""
    return f"{prefix}resqd-{SHORT_VERSION}: {name}{progress}"


def activity(intent: Intent, jobs: Sequence[Running], queues: str) -> str:
    """The rest of it, for instance `Processing: Archive (+3)`."""
    if jobs:
        names = list(dict.fromkeys(job.job_class for job in jobs))
        rest = len(jobs) - len(names[:2])
        more = f" (+{rest})" if rest > 0 else ""
        return ("Stopping: " if intent is Intent.STOPPING else "Processing: ") + ", ".join(names[:2]) + more
    if intent is Intent.RUNNING:
        return f"Waiting for {queues}"
    return str(intent.value).capitalize()


def stacks() -> str:
    """The Python stack of every thread of this process, as text."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to another thread's frame
        try:
            lines = "".join(traceback.format_stack(frame))
        except Exception as error:  # noqa: BLE001 - an observation's boundary: a job may have changed anything
            lines = f"it cannot be shown: {type(error).__name__}\n"
        parts.append(f"thread {names.get(ident, ident)}:\n{lines}")
    return "\n".join(parts)[:_STACKS]


def cpu_seconds() -> float:
    """CPU time of this process so far, in seconds."""
    return time.process_time()


class Account:
    """What a worker can say of itself at any moment; asked by the control thread."""

    def __init__(
        self, *, shared: Shared, pool: Pool, metrics: Metrics | None, loop: Loop | None = None
    ) -> None:
        self._loop = loop
        self._shared = shared
        self._pool = pool
        self._metrics = metrics

    def stats(self) -> Stats:
        """The account of this moment. The counts for statsd are taken out: `unsent` puts them back."""
        shared = self._shared
        jobs = self.running()
        metrics: tuple[JobMetrics, ...] = ()
        if self._metrics is not None:
            self._metrics.running(jobs)
            metrics = self._metrics.take()
        return Stats(
            processed=shared.counted.processed,
            failed=shared.counted.failed,
            reserved=shared.counted.reserved,
            buffered=shared.holdings.buffer.qsize(),
            pace=shared.prefetch.pace,
            rss_bytes=resident_bytes(),
            cpu_seconds=cpu_seconds(),
            redis=shared.health.text,
            running=jobs,
            metrics=metrics,
            missing=self._pool.missing,
            replaced=self._pool.replaced,
            loop_blocked_by=self._loop.blocker(time.monotonic()) if self._loop else "",
            **shared.counted.tally._asdict(),
        )

    def unsent(self, stats: Stats) -> None:
        """Keep for the next account what only this one, which the master could not take, would have told."""
        if self._metrics is not None:
            self._metrics.restore(stats.metrics)

    def running(self) -> tuple[Running, ...]:
        """The jobs on the threads now."""
        return running(self._slots)

    @property
    def busy(self) -> bool:
        """Whether any job runs now."""
        return any(slot.open for slot in self._slots)

    @property
    def _slots(self) -> list[Slot]:
        tasks = self._loop.tasks if self._loop else []
        return [*(executor.slot for executor in self._pool.executors), *tasks]


STATS_EVERY = 0.250
"""Seconds between two reports while anything changes."""
IDLE_STATS_EVERY = 2.0
"""Seconds between two reports while nothing does."""


class Reporter:
    """Reports when `due_at` has come; the control thread may bring that moment forward.

    What a report tells was seen in passing, and jobs are what they are: it may be left out, and never raises.
    """

    def __init__(
        self, *, birth: Birth, settings: Settings, account: Account, title: Title, clock: Clock
    ) -> None:
        self.due_at = clock() + STATS_EVERY  # most short lives end before the first report
        self._birth = birth
        self._settings = settings
        self._account = account
        self._title = title
        self._clock = clock
        self._channel = birth.channel
        self._last: Stats | None = None
        self._failed = False
        self._slow = Slow(settings.slow_job)

    def begin(self, intent: Intent) -> None:
        """Set the title at once: a short life may end before the first report."""
        self._entitle(intent, 0, ())

    def report(self, intent: Intent, *, final: bool = False) -> None:
        """Send stats, and show in the title what is done and what runs; soon again while anything changes."""
        self.due_at = self._clock() + IDLE_STATS_EVERY
        try:
            self._report(intent, final=final)
        except Exception:  # noqa: BLE001 - an observation's boundary: it may fail, and the jobs go on
            if not self._failed:
                events.Worker.report_left_out()
            self._failed = True
        else:
            self._failed = False

    def _report(self, intent: Intent, *, final: bool) -> None:
        stats = self._account.stats()
        self._slow.look(stats.running, self._clock())
        changed = stats.running or self._last is None or stats.reserved != self._last.reserved
        self.due_at = self._clock() + (STATS_EVERY if changed else IDLE_STATS_EVERY)
        self._last = stats
        self._channel.flush()
        # What a stalled master has not read leaves room for what matters.
        if (self._channel.pending and not final) or not self._channel.send(stats):
            self._refused(stats)
        if not final:
            self._entitle(intent, stats.processed, stats.running)
            if not stats.running and self._account.busy:  # one has begun just before the title was idle
                self._entitle(intent, stats.processed, self._account.running())

    def _refused(self, stats: Stats) -> None:
        """Tell it later where the master stalls; what no frame can hold goes without what it says of jobs."""
        if self._channel.pending:
            self._account.unsent(stats)
        else:
            self._channel.send(replace(stats, running=(), metrics=()))

    def _entitle(self, intent: Intent, done: int, running: Sequence[Running]) -> None:
        head = title_head(
            prefix=self._settings.procline_prefix,
            name=f"{self._birth.kind.value} {self._birth.index}",
            done=done,
            permits=self._settings.jobs_per_fork,
        )
        queues = ",".join(spec.pattern for spec in self._settings.queues)
        self._title.show(head, activity(intent, running, queues), idle=not running)
