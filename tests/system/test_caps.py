"""Caps of queues in the real daemon: how many jobs of a queue ever run at the same time."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest
import redis

from resqd.app import App
from resqd.cli.client import Client, candidates
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, time, redis, resqd
app = resqd.App()
count = redis.Redis.from_url(os.environ["REDIS_URL"])

@app.job(name="Job")
def job(queue, seconds):
    count.zadd(f"most:{queue}", {"most": count.incr(f"now:{queue}")}, gt=True)
    time.sleep(seconds)
    count.decr(f"now:{queue}")
    count.incr(f"ran:{queue}")

@app.job(name="Until")
def until(times):
    count.incr("now:free")
    while not count.exists(f"over:{times}"):
        time.sleep(0.01)
    count.decr("now:free")
"""


def daemon(folder: Path, redis_url: str, *flags: str) -> Daemon:
    (folder / "cap_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    return Daemon(
        "--app", "cap_jobs:app", *flags, folder=folder, environ={"REDIS_URL": redis_url, "PYTHONPATH": paths}
    )


def push(redis_url: str, queue: str, jobs: int, seconds: float) -> None:
    app = App(redis_url)
    for _ in range(jobs):
        app.enqueue_to(queue, "Job", queue, seconds)


def ran(client: redis.Redis, queue: str) -> int:
    return int(client.get(f"ran:{queue}") or 0)


def most(client: redis.Redis, queue: str) -> int:
    return int(client.zscore(f"most:{queue}", "most") or 0)


def reached(client: redis.Redis, goal: int) -> bool:
    return ran(client, "q") >= goal


def has_run(client: redis.Redis, goal: int) -> bool:
    return ran(client, "few") == goal


@pytest.mark.parametrize("jobs_per_fork", ["0", "3"])
def test_a_cap_holds_and_is_used(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, jobs_per_fork: str
) -> None:
    """Over recycles too: never more at once than the cap, as many as the cap, and the other queue takes the rest."""
    push(redis_url, "few", 30, 0.05)
    push(redis_url, "free", 50, 0.15)  # enough to run alone at last, long enough for forks to overlap
    flags = ["--queues", "few:3,free", "--workers", "2", "--threads", "4", "--jobs-per-fork", jobs_per_fork]
    with daemon(tmp_path, redis_url, *flags) as running:
        wait_for(
            lambda: (ran(redis_client, "few"), ran(redis_client, "free")) == (30, 50), 30, what="all ran"
        )
        assert running.stop() == 0
    assert most(redis_client, "few") == 3
    assert most(redis_client, "free") > 3


def test_a_cap_holds_over_scaling(tmp_path: Path, redis_url: str, redis_client: redis.Redis) -> None:
    """Workers are recycled, added and taken away while jobs run: the cap holds at every moment, and is used."""
    push(redis_url, "q", 300, 0.03)
    flags = ["--queues", "q:2", "--workers", "1", "--threads", "2", "--jobs-per-fork", "10"]
    with daemon(tmp_path, redis_url, *flags) as running:
        control = Client(candidates("resqd", os.environ))
        wait_for(lambda: ran(redis_client, "q") > 5, what="some ran")
        for workers in (3, 1, 2, 4, 2):
            control.call("scale", timeout=5, to=workers)
            goal = ran(redis_client, "q") + 10
            wait_for(partial(reached, redis_client, goal), what="they go on")
        wait_for(lambda: ran(redis_client, "q") == 300, 40, what="all ran")
        assert running.stop() == 0
    assert most(redis_client, "q") == 2


def test_a_burst_empties_capped_queues(tmp_path: Path, redis_url: str, redis_client: redis.Redis) -> None:
    """With INTERVAL=0 no worker leaves while jobs wait that it only has no quota for; the daemon ends when all ran."""
    push(redis_url, "q", 20, 0.02)
    flags = ["--queues", "q:1", "--workers", "2", "--threads", "2", "--interval", "0", "--jobs-per-fork", "4"]
    with daemon(tmp_path, redis_url, *flags) as running:
        assert running.wait(40) == 0
    assert (ran(redis_client, "q"), most(redis_client, "q")) == (20, 1)


def test_a_drained_worker_gets_its_quota_back(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """A drain that is taken back leaves no worker without work."""
    flags = ["--queues", "q:2", "--workers", "1", "--threads", "2", "--jobs-per-fork", "0"]
    with daemon(tmp_path, redis_url, *flags) as running:
        push(redis_url, "q", 1, 1.0)
        wait_for(lambda: redis_client.get("now:q") == b"1", what="a job runs")
        running.send(signal.SIGQUIT)
        control = Client(candidates("resqd", os.environ))
        wait_for(lambda: control.call("status", timeout=5)["status"]["state"] == "draining", what="draining")
        control.call("resume", timeout=5)
        push(redis_url, "q", 20, 0.05)
        wait_for(lambda: ran(redis_client, "q") == 21, 20, what="all ran")
        assert running.stop() == 0
    assert most(redis_client, "q") == 2


def test_a_unit_goes_where_a_thread_is_free(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """All workers but one are taken by long jobs of another queue: the capped queue's job runs on that one, soon.

    Whichever held the only unit; and never two at once.
    """
    flags = ["--queues", "few:1,free", "--workers", "4", "--threads", "1", "--jobs-per-fork", "0"]
    app = App(redis_url)
    with daemon(tmp_path, redis_url, *flags) as running:
        for times in range(1, 4):
            for _ in range(3):
                app.enqueue_to("free", "Until", times)
            wait_for(lambda: redis_client.get("now:free") == b"3", what="three workers are taken")
            push(redis_url, "few", 6, 0.01)
            wait_for(partial(has_run, redis_client, 6 * times), what="the fourth runs the capped queue's")
            redis_client.set(f"over:{times}", 1)
            wait_for(lambda: redis_client.get("now:free") == b"0", what="the others are free")
        assert running.stop() == 0
    assert most(redis_client, "few") == 1
