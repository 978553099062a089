"""The daemon as web pages see it: registered while it lives, its running jobs shown, their Kill obeyed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import pathlib, time, resqd
app = resqd.App()

@app.job(queue="q")
def wait(folder, seconds):
    pathlib.Path(folder, "begun").touch()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
"""


@pytest.fixture
def daemon(tmp_path: Path, redis_url: str) -> Iterator[Daemon]:
    (tmp_path / "presence_jobs.py").write_text(_JOBS)
    flags = ["--app", "presence_jobs:app", "--queues", "q", "--threads", "2", "--jobs-per-fork", "0"]
    environ = {"REDIS_URL": redis_url, "HEARTBEAT_INTERVAL": "0.3", "PRUNE_INTERVAL": "2", "KILL_GRACE": "1"}
    environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
    with Daemon(*flags, folder=tmp_path, environ=environ) as running:
        running.wait_for_line("redis at")
        yield running


def push(app: App, *args: object, job_id: str | None = "an-id") -> None:
    identity = {} if job_id is None else {"id": job_id}
    app.push("q", {"class": "presence_jobs.wait", "args": list(args), **identity})


def registered(client: redis.Redis) -> bytes | None:
    return next(iter(cast("set[bytes]", client.smembers("resque:workers"))), None)


def test_a_daemon_is_registered_from_start_to_end(daemon: Daemon, redis_client: redis.Redis) -> None:
    """The id says what the daemon is; pruned by others it comes back; after a drain no entry is left."""
    own_id = wait_for(lambda: registered(redis_client), what="the daemon is registered").decode()
    assert own_id.endswith(f":{daemon.pid}:q:1:2:0")
    redis_client.srem("resque:workers", own_id)
    redis_client.hdel("resque:workers:heartbeat", own_id)
    redis_client.delete(f"resque:worker:{own_id}:started")
    wait_for(lambda: registered(redis_client), what="it is registered again")
    wait_for(lambda: redis_client.get(f"resque:worker:{own_id}:started"), what="so is its start")
    assert daemon.stop() == 0
    assert redis_client.keys("resque:w*") == []


def test_running_jobs_are_shown_until_they_end(
    daemon: Daemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """A page sees the thread with its payload within seconds, and no entry soon after the job's end."""
    app = App(redis_url)
    push(app, str(tmp_path), 2)
    thread = wait_for(app.workers.threads_working, what="the job is shown")[0]
    assert thread.payload == {"class": "presence_jobs.wait", "args": [str(tmp_path), 2], "id": "an-id"}
    assert thread.queue == "q"
    assert thread.pid in {process.pid for process in daemon.titled("worker 0")}
    wait_for(lambda: not redis_client.keys("resque:worker:*:threads"), what="the entry is gone")
    assert app.stats.processed == 1
    assert app.workers.threads_working() == []


@pytest.mark.parametrize("job_id", ["an-id", None])
def test_a_pages_kill_ends_that_job_alone(
    daemon: Daemon, redis_url: str, tmp_path: Path, job_id: str | None
) -> None:
    """The thread's number in the list ends the job that was shown on it, with or without an id, and no other."""
    app = App(redis_url)
    push(app, str(tmp_path), 60, job_id=job_id)
    wait_for(lambda: len(app.workers.threads_working()) == 1, what="one job is shown")
    push(app, str(tmp_path), 61, job_id=None)
    first, _ = wait_for(
        lambda: found if len(found := app.workers.threads_working()) == 2 else None, what="both are shown"
    )
    first.kill()
    record = wait_for(app.failures.all, what="a failure is recorded")[0]
    assert record.error == "Job was killed"
    assert record.args == first.payload["args"]
    left = wait_for(
        lambda: found if len(found := app.workers.threads_working()) == 1 else None, what="one is left"
    )
    assert left[0].payload["args"] != first.payload["args"]
    assert daemon.process.poll() is None


def test_a_dead_hosts_entries_go(daemon: Daemon, redis_client: redis.Redis) -> None:
    """Another daemon of resqd's that beats no more leaves the registry; a Ruby worker's entry stays."""
    wait_for(lambda: registered(redis_client), what="the daemon is registered")
    redis_client.sadd("resque:workers", "dead:1:q:1:1:1", "ruby:2:q")
    redis_client.sadd("resque:resqd:workers", "dead:1:q:1:1:1")
    redis_client.hset("resque:workers:heartbeat", "dead:1:q:1:1:1", "2001-01-01T00:00:00Z")
    redis_client.hset("resque:workers:heartbeat", "ruby:2:q", "2001-01-01T00:00:00Z")
    wait_for(
        lambda: not redis_client.sismember("resque:workers", "dead:1:q:1:1:1"),
        10,
        what="the dead one is gone",
    )
    assert redis_client.sismember("resque:workers", "ruby:2:q")
    assert redis_client.hexists("resque:workers:heartbeat", "ruby:2:q")
    assert daemon.process.poll() is None
