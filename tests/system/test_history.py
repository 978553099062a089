"""A daemon that keeps its history."""

import signal
from pathlib import Path

import pytest

from resqd.store.history.merger import Merger
from resqd.store.history.reader import History
from resqd.store.history.row import Row
from resqd.store.history.spans import MINUTE, start
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.store import Store
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

JOBS = """
import resqd

app = resqd.App()


@app.job(queue="q", name="add")
def add(a, b):
    return a / b
"""


@pytest.mark.parametrize("fork", ["1", "0"])
def test_each_job_is_in_the_history_once(tmp_path: Path, redis_url: str, fork: str) -> None:
    """Also those of the minute in which the daemon ends, and of the housekeeper that a reload replaced."""
    (tmp_path / "kept.py").write_text(JOBS)
    environ = {
        "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}",
        "REDIS_URL": redis_url,
        "RESQD_APP": "kept:app",
        "QUEUES": "q",
        "JOBS_PER_FORK": fork,
        "RESQD_HISTORY": "on",
    }
    store = Store.of(url=redis_url, namespace="resque")
    config, keys = ConnectionConfig.from_url(redis_url), Keys()
    link = Link(config)
    began = int(link.call("TIME")[0])

    def push(number: int, divisor: int) -> None:
        store.push("q", [b'{"class":"add","args":[1,%d],"enqueued_at":1.5}' % divisor] * number)

    def await_ended(number: int) -> None:
        wait_for(lambda: int(link.call("GET", "resque:stat:processed") or 0) == number, 20, what="jobs")

    with Daemon(folder=tmp_path, environ=environ, cwd=tmp_path) as daemon:
        push(5, 1)
        await_ended(5)
        daemon.send(signal.SIGHUP)
        daemon.wait_for_line(r"housekeeper .* is to finish and leave", 20)
        push(3, 0)
        await_ended(8)
        # The new housekeeper is up: its first round ends with this warning.
        daemon.wait_for_line(r"(?s)keeps nothing on disk.*keeps nothing on disk", 20)
        assert daemon.stop() == 0
    ended = int(link.call("TIME")[0])
    merger = Merger(link, keys, author="test")
    assert merger.reign("t")
    assert merger.merge("t", sample=Row(), now=start(ended, MINUTE) + MINUTE + 20)
    points = History(Links(config), keys).points(span=MINUTE, since=began, until=ended + 1)
    found = [point.counts("add") for point in points]
    assert sum(each.succeeded for each in found) == 5
    assert sum(each.failed for each in found) == 3
    assert sum(each.ran.count for each in found) == 8
    store.close()
    link.close()
