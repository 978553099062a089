"""Sends counts, times and gauges to statsd, on a thread of its own: a host that is slow to find harms nothing else."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from typing import Any

from statsd import StatsClient

from resqd import events
from resqd.clock import Clock
from resqd.store.resque.measure import Measured
from resqd.text import shown
from resqd.wire.messages import Busy, JobMetrics
from resqd.wire.tallies import CROWD, Tallies

SEND_EVERY = 1.0
"""Seconds between two looks at what there is to send."""
GAUGES_EVERY = 10.0
"""Seconds between two sends of the gauges, statsd's own interval."""
RESOLVE_EVERY = 60.0
"""Seconds after which the host's address is asked for again; a host without one is tried again as late."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")


def prefix(key: str) -> str:
    """A prefix of names as statsd reads it: Ruby's `::` becomes a dot, everything else that could be misread `_`."""
    return _UNSAFE.sub("_", key.replace("::", "."))


def safe(name: str) -> str:
    """A name likewise, whatever it is: cut, since it must fit into a packet, and without an empty part."""
    return ".".join(part or "_" for part in prefix(shown(prefix(name))).split("."))


class _Server:
    """Where statsd listens: its name is looked up again from time to time. Owned by one thread."""

    def __init__(
        self, *, host: str, port: int, key: str, clock: Clock, connect: Callable[..., Any] = StatsClient
    ) -> None:
        self._host = host
        self._port = port
        self._key = prefix(key)
        self._clock = clock
        self._connect = connect
        self._client: Any = None  # the package has no types
        self._resolve_at = clock()

    def client(self) -> Any:
        """What sends to it; None while the host has no address."""
        now = self._clock()
        if now >= self._resolve_at:
            self._resolve_at = now + RESOLVE_EVERY
            self._resolve()
        return self._client

    def _resolve(self) -> None:
        """Find the host's address; the one that was known stays where none is found."""
        known = self._client is not None
        for ipv6 in (False, True):
            try:
                client = self._connect(self._host, self._port, prefix=self._key, ipv6=ipv6)
            except (OSError, UnicodeError) as error:
                reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
            else:
                if known:
                    self._client.close()
                self._client = client
                return
        if not known:
            events.Housekeeper.statsd_unknown(host=self._host, reason=reason)


class Metrics:
    """Gathers what workers report and what is measured; `run` sends it. Safe to use from several threads."""

    def __init__(
        self, *, host: str, port: int, key: str, clock: Clock, connect: Callable[..., Any] = StatsClient
    ) -> None:
        self._server = _Server(host=host, port=port, key=key, clock=clock, connect=connect)
        self._clock = clock
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._tallies = Tallies()
        self._busy: dict[int, int] = {}
        self._missing: dict[int, int] = {}
        self._replaced = 0
        self._lengths: dict[str, int] = {}
        self._later: int | None = None
        self._gauges_at = clock()

    def take(self, busy: Busy) -> None:
        """Note a worker's report."""
        with self._lock:
            self._tallies.add(busy.metrics)
            _keep(self._busy, busy.pid, len(busy.running))
            _keep(self._missing, busy.pid, busy.missing)
            self._replaced += busy.replaced

    def measured(self, measured: Measured) -> None:
        """Note how long the queues are; one that is gone is sent as 0 once."""
        with self._lock:
            gone = dict.fromkeys(queue for queue, length in self._lengths.items() if length)
            self._lengths = dict.fromkeys(gone, 0) | measured.lengths
            self._later = measured.places.get("later")

    def run(self) -> None:
        """Send every second until `leave`; then once more."""
        while not self._leaving.wait(SEND_EVERY):
            self._try_to_send()
        self._gauges_at = self._clock()
        self._try_to_send()

    def _try_to_send(self) -> None:
        try:
            self.send()
        except Exception:  # noqa: BLE001 - the loop's tick: counts may be lost, but not all that will come
            events.Housekeeper.metrics_lost()

    def leave(self) -> None:
        """Ask for the end."""
        self._leaving.set()

    def send(self) -> None:
        """Send what there is; while the host has no address, all is kept."""
        client = self._server.client()
        if client is None:
            return
        with self._lock:
            metrics = self._tallies.take(CROWD)
            gauges = self._gauges()
            replaced, self._replaced = self._replaced, 0
        if not metrics and not gauges and not replaced:
            return
        with client.pipeline() as pipe:
            for each in metrics:
                _put(pipe, each)
            for name, value in gauges.items():
                pipe.gauge(name, value)
            if replaced:
                pipe.incr("threads.replaced", replaced)

    def _gauges(self) -> dict[str, int]:
        now = self._clock()
        if now < self._gauges_at:
            return {}
        self._gauges_at = now + GAUGES_EVERY
        gauges = {f"queues.{safe(queue)}": length for queue, length in self._lengths.items()}
        if self._later is not None:
            gauges["jobs.later"] = self._later
        threads = {"threads.busy": self._busy, "threads.missing": self._missing}
        return gauges | {name: sum(counts.values()) for name, counts in threads.items()}


def _keep(counts: dict[int, int], pid: int, count: int) -> None:
    """Note a process's count; one that has none takes no room."""
    counts[pid] = count
    if not count:
        del counts[pid]


def _put(pipe: Any, metrics: JobMetrics) -> None:
    name = safe(metrics.job_class)
    counts = {
        name: metrics.started,
        f"{name}.success": metrics.succeeded,
        f"{name}.failure": metrics.failed,
        f"{name}.retried": metrics.retried,
        f"{name}.discarded": metrics.discarded,
        f"{name}.expired": metrics.expired,
        f"{name}.timeout": metrics.timeouts,
    }
    for counter, count in counts.items():
        if count:
            pipe.incr(counter, count)
    for milliseconds in metrics.run_ms:
        pipe.timing(f"{name}.run", milliseconds)
    for milliseconds in metrics.wait_ms:
        pipe.timing(f"{name}.wait", milliseconds)
