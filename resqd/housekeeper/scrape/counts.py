"""What is counted for scrapers: jobs by class and how long they ran and waited, and the master's own facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from resqd.clock import Clock
from resqd.housekeeper.scrape.exposition import HistogramLines, Sample, family, family_of, line_head
from resqd.store.history.histogram import Histogram
from resqd.store.redis.health import Health
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics, Vitals

MOST_CLASSES = 1_000
"""Classes with counters of their own; a scraper keeps each series for weeks."""
OTHER = "other"
_RUN = "resqd_job_run_seconds"
_WAIT = "resqd_job_wait_seconds"
MASTER_SILENT = 10.0
"""Seconds without a word of the master after which its loop counts as stuck; it speaks every two."""


@dataclass(slots=True)
class _Class:
    """The counts of one class since this process began."""

    heads: tuple[str, str, str]
    """Of the lines that tell how many began, succeeded and failed."""
    run_lines: HistogramLines
    wait_lines: HistogramLines
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    ran: Histogram = field(default_factory=Histogram)
    waited: Histogram = field(default_factory=Histogram)


def _new(name: str) -> _Class:
    labels = {"class": name}
    heads = (
        line_head("resqd_jobs_started_total", labels),
        line_head("resqd_jobs_total", {**labels, "outcome": "succeeded"}),
        line_head("resqd_jobs_total", {**labels, "outcome": "failed"}),
    )
    return _Class(heads, HistogramLines(_RUN, labels), HistogramLines(_WAIT, labels))


class Counts:
    """Gathers, and tells it as OpenMetrics. Safe to use from several threads.

    `health` says whether Redis answers.
    """

    def __init__(self, *, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._lock = threading.Lock()
        self._classes: dict[str, _Class] = {}
        self._measured = Measured({}, {}, {})
        self._vitals: Vitals | None = None
        self._heard_at = clock()

    # What comes in.

    def take(self, busy: Busy) -> None:
        """Note what a worker has counted."""
        with self._lock:
            for each in busy.metrics:
                self._count(each)

    def _count(self, each: JobMetrics) -> None:
        name = each.job_class
        if name not in self._classes and len(self._classes) >= MOST_CLASSES:
            name = OTHER
        own = self._classes.get(name)
        if own is None:
            own = self._classes[name] = _new(name)
        ended = each.succeeded + each.failed
        own.started += each.started
        own.succeeded += each.succeeded
        own.failed += each.failed
        own.ran.add([ms / 1000 for ms in each.run_ms], ended)
        own.waited.add([ms / 1000 for ms in each.wait_ms], ended)

    def measured(self, measured: Measured) -> None:
        """Note what was measured in Redis."""
        with self._lock:
            self._measured = measured

    def hear(self, vitals: Vitals) -> None:
        """Note what the master says of itself."""
        with self._lock:
            self._vitals, self._heard_at = vitals, self._clock()

    # What is asked.

    def alive(self) -> str:
        """Why the daemon does not live; empty: it does."""
        silent = self._clock() - self._heard_at
        return f"the master has been silent for {silent:.0f} s" if silent > MASTER_SILENT else ""

    def ready(self) -> str:
        """Why the daemon would not run a job now; empty: it would."""
        vitals = self._vitals
        if dead := self.alive():
            return dead
        if vitals is None:
            return "the master has not said anything yet"
        if not self._health.ok:
            return f"redis: {self._health.text}"
        if vitals.intent != "running":
            return f"the daemon is {vitals.intent}"
        return "" if vitals.booted else "no worker is up"

    def families(self) -> Iterator[str]:
        """Everything as OpenMetrics, a family at a time."""
        with self._lock:
            yield from self._of_jobs()
            yield from self._of_queues()
            if self._vitals is not None:
                yield from self._of_daemon(self._vitals)
        yield family(
            "resqd_redis_up",
            "gauge",
            "Whether Redis answered the housekeeper last time.",
            [Sample("", {}, float(self._health.ok))],
        )

    def _of_jobs(self) -> Iterator[str]:
        classes = [own for _, own in sorted(self._classes.items())]
        yield family_of(
            "resqd_jobs_started",
            "counter",
            "Jobs that began on a thread.",
            [f"{own.heads[0]}{own.started}\n" for own in classes],
        )
        yield family_of(
            "resqd_jobs",
            "counter",
            "Jobs that ended, by outcome.",
            [f"{own.heads[1]}{own.succeeded}\n{own.heads[2]}{own.failed}\n" for own in classes],
        )
        sampled = "of more than 200 a second of one class in one worker by a sample."
        yield family_of(
            _RUN,
            "histogram",
            f"How long jobs ran; {sampled}",
            [own.run_lines.text(own.ran) for own in classes],
            unit="seconds",
        )
        yield family_of(
            _WAIT,
            "histogram",
            f"How long jobs waited from being enqueued to their start; {sampled}",
            [own.wait_lines.text(own.waited) for own in classes],
            unit="seconds",
        )

    def _of_queues(self) -> Iterator[str]:
        measured = self._measured
        yield family(
            "resqd_queue_length",
            "gauge",
            "Jobs that wait in a queue.",
            _by(measured.lengths, "queue"),
        )
        yield family(
            "resqd_queue_latency_seconds",
            "gauge",
            "How long the oldest job of a queue has waited.",
            _by(measured.latencies, "queue"),
            unit="seconds",
        )
        yield family(
            "resqd_jobs_in_redis",
            "gauge",
            "Jobs of all daemons in other places than queues.",
            _by(measured.places, "place"),
        )

    def _of_daemon(self, vitals: Vitals) -> Iterator[str]:
        gauges: tuple[tuple[str, str, str, float], ...] = (
            ("workers", "Worker processes that are up.", "", vitals.booted),
            ("workers_wanted", "Worker processes that there should be.", "", vitals.wanted),
            ("threads", "Job threads that there may be.", "", vitals.threads),
            ("threads_busy", "Job threads that run a job.", "", vitals.busy),
            ("in_flight", "Jobs that its workers hold, running or about to.", "", vitals.in_flight),
            ("suspects", "Jobs that wait to be run alone, after a crash.", "", vitals.suspects),
            ("uptime_seconds", "Since the daemon was started.", "seconds", vitals.uptime),
            (
                "memory_bytes",
                "Resident memory of all its processes that tell theirs.",
                "bytes",
                vitals.rss_bytes,
            ),
        )
        for name, about, unit, value in gauges:
            yield family(f"resqd_{name}", "gauge", about, [Sample("", {}, value)], unit=unit)
        states = ("running", "paused", "draining", "stopping")
        yield family(
            "resqd_state",
            "stateset",
            "What the daemon is to do.",
            [Sample("", {"resqd_state": state}, float(state == vitals.intent)) for state in states],
        )
        yield family(
            "resqd_worker_exits",
            "counter",
            "Workers that ended, by reason.",
            [Sample("_total", {"reason": reason}, count) for reason, count in sorted(vitals.exits.items())],
        )
        yield family(
            "resqd_processed_jobs",
            "counter",
            "Jobs that ended since the daemon's start, of all classes.",
            [Sample("_total", {}, vitals.processed)],
        )
        yield family(
            "resqd_failed_jobs",
            "counter",
            "Those among them that failed.",
            [Sample("_total", {}, vitals.failed)],
        )


def _by(values: Mapping[str, float], label: str) -> list[Sample]:
    return [Sample("", {label: name}, value) for name, value in sorted(values.items())]
