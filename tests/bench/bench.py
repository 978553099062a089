"""What every measure needs: a clean place, a daemon started as a user starts it, and a watched drain."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from resqd.store.resque import encoding
from tests.bench.arithmetic import Sample
from tests.bench.jobs import QUEUE
from tests.bench.place import Place
from tests.bench.scale import Scale
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

POLL = 0.005
"""Seconds between two looks at a queue's length."""
NOOPS = [raw for _, raw in encoding.encode_many("Noop", [(n,) for n in range(500)], enqueued_at=time.time())]


class LostJobsError(Exception):
    """The counts after a run do not add up: a speed at which jobs are lost is none."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a daemon is started."""

    workers: int = 2
    threads: int = 8
    jobs_per_fork: int = 0
    queues: str = QUEUE
    statsd: bool = True
    app: str = "tests.bench.jobs:app"
    places: int = 100
    """For async jobs, where the application has some."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools that measures share."""

    place: Place
    scale: Scale

    @contextlib.contextmanager
    def daemon(self, shape: Shape, **environ: str) -> Iterator[Daemon]:
        """`resqd start`, drained at the end, with statsd's packets going to a socket that nobody reads."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
            statsd.bind(("127.0.0.1", 0))
            flags = [
                *("--app", shape.app, "--queues", shape.queues, "--name", "bench", "--host", "bench"),
                *("--async", str(shape.places)),
                *("--workers", str(shape.workers), "--threads", str(shape.threads)),
                *("--jobs-per-fork", str(shape.jobs_per_fork), "--namespace", self.place.keys.namespace),
                *("--log-level", "warning"),
            ]  # fmt: skip
            if shape.statsd:
                flags += ["--statsd-host", "127.0.0.1", "--statsd-port", str(statsd.getsockname()[1])]
            environ = {
                "REDIS_URL": self.place.url,
                "XDG_RUNTIME_DIR": str(self.place.folder),
                "RUNTIME_DIRECTORY": "",
                **environ,
            }
            with Daemon(*flags, folder=self.place.folder, environ=environ) as daemon:
                yield daemon
                daemon.stop(signal.SIGQUIT)

    def drain(self, shape: Shape, total: int, payloads: Sequence[bytes] = NOOPS) -> list[Sample]:
        """Fill the queue, start a daemon, and watch the queue's length until it is empty or time is up."""
        self.place.clean()
        self.place.fill(QUEUE, total, payloads)
        with self.daemon(shape):
            samples = self.watch(partial(self.place.length, QUEUE))
        self.expect_all(total)
        return samples

    def watch(self, left: Callable[[], int], total: int | None = None) -> list[Sample]:
        """The number of jobs left, every few milliseconds, until there are none or `scale.drain` has passed.

        The time counts from the moment that a tenth of `total` is gone, which the start of a daemon precedes.
        """
        samples = [Sample(time.monotonic(), left())]
        total = total or samples[0].left
        end = samples[0].at + 2 * self.scale.drain + 10
        begun = False
        while (latest := samples[-1]).left > 0 and latest.at < end:
            if not begun and latest.left <= 0.9 * total:
                begun, end = True, latest.at + self.scale.drain
            time.sleep(POLL)
            samples.append(Sample(time.monotonic(), left()))
        return samples

    def expect_all(self, total: int, queues: Sequence[str] = (QUEUE,)) -> None:
        """Raise LostJobsError unless every job was acknowledged once or waits in its queue; the daemon has ended."""
        waiting = sum(map(self.place.length, queues))
        processed, failed = self.place.processed(), self.place.failed()
        if processed + waiting != total or failed:
            raise LostJobsError(
                f"{total} jobs pushed, {processed} processed ({failed} failed), {waiting} waiting"
            )

    def await_processed(self, count: int, seconds: float = 20.0) -> None:
        """Wait until that many jobs were acknowledged."""
        wait_for(lambda: self.place.processed() >= count, seconds, what=f"{count} jobs processed")
