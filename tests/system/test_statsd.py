"""A daemon's metrics at a real UDP listener."""

import os
import re
import signal
import socket
from collections import Counter
from pathlib import Path

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import resqd
app = resqd.App()

@app.job(queue="q", name="Good::Job")
def good(number):
    pass

@app.job(queue="q", name="Bad")
def bad():
    raise ValueError("no")
"""
_JOBS_EACH = 300


def start(folder: Path, redis_url: str, host: str, port: int) -> Daemon:
    (folder / "statsd_jobs.py").write_text(_JOBS)
    flags = ["--app", "statsd_jobs:app", "--queues", "q", "--workers", "2", "--threads", "2"]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "JOBS_PER_FORK": "100"}
    environ |= {"STATSD_HOST": host, "STATSD_PORT": str(port), "STATSD_KEY": "k"}
    return Daemon(*flags, folder=folder, environ=environ)


def push(redis_url: str) -> App:
    app = App(redis_url)
    for number in range(_JOBS_EACH):
        app.enqueue_to("q", "Good::Job", number)
        app.enqueue_to("q", "Bad")
    return app


def test_every_job_is_counted_once(tmp_path: Path, redis_url: str) -> None:
    """Over recycles and a drain: as many starts, successes and failures as jobs, none lost and none twice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        lines: list[str] = []

        def hear() -> None:
            while True:
                try:
                    lines.extend(listener.recv(65536).decode().split("\n"))
                except BlockingIOError:
                    return

        def ended() -> bool:
            hear()
            return app.stats.processed == 2 * _JOBS_EACH

        app = push(redis_url)
        with start(tmp_path, redis_url, "127.0.0.1", listener.getsockname()[1]) as daemon:
            wait_for(ended, 20, what="all jobs ran")
            assert daemon.stop(signal.SIGQUIT) == 0
        hear()
    counted: Counter[str] = Counter()
    for line in lines:
        if match := re.fullmatch(r"([^:]+):(\d+)\|c", line):
            counted[match[1]] += int(match[2])
    each = _JOBS_EACH
    assert counted == {
        "k.Good.Job": each,
        "k.Good.Job.success": each,
        "k.Bad": each,
        "k.Bad.failure": each,
    }
    kinds = {re.sub(r":[\d.]+", "", line) for line in lines}
    assert {"k.Good.Job.run|ms", "k.Good.Job.wait|ms", "k.queues.q|g", "k.threads.busy|g"} <= kinds


def test_an_unresolvable_host_stops_nothing(tmp_path: Path, redis_url: str) -> None:
    """Jobs run, and the daemon ends in time, while statsd's name has no address."""
    app = push(redis_url)
    with start(tmp_path, redis_url, "statsd.invalid", 8125) as daemon:
        wait_for(lambda: app.stats.processed == 2 * _JOBS_EACH, 20, what="all jobs ran")
        assert daemon.stop(seconds=8) == 0
