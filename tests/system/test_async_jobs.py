"""Async jobs on a worker's event loop, with the real daemon."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import resqd
from resqd import cursors
from resqd.cli.client import Client, NoDaemonError
from resqd.store.inflight import tokens
from tests.support import async_jobs
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_PATIENCE = 20


@pytest.fixture
def app(redis_url: str) -> Iterator[resqd.App]:
    app = async_jobs.app
    app.configure(redis_url=redis_url)
    yield app
    app.store.close()


class Running:
    """A daemon with one worker of two threads and 60 places on its loop."""

    def __init__(self, app: resqd.App, folder: Path, redis_url: str) -> None:
        shape = ("--workers", "1", "--threads", "2", "--jobs-per-fork", "0", "--async", "60", "--queues", "q")
        environ = {"REDIS_URL": redis_url, "PYTHONPATH": str(_ROOT), "KILL_GRACE": "2"}
        self.app = app
        self.daemon = Daemon("--app", "tests.support.async_jobs:app", *shape, folder=folder, environ=environ)
        self.client = Client([folder / "run" / "resqd" / "resqd.sock"])

    def worker(self) -> dict[str, Any]:
        """Its account of the worker."""
        found: dict[str, Any] = self.client.call("status", timeout=10)["status"]["workers"][0]
        return found

    def booted(self) -> bool:
        """Whether the daemon answers, and its worker is up."""
        try:
            return bool(self.worker()["booted"])
        except (NoDaemonError, IndexError):
            return False

    def ended(self, name: str) -> str:
        """What a job's failure says."""
        job_id = self.app.enqueue(name)
        assert job_id
        with pytest.raises(resqd.JobFailed) as failure:
            self.app.result(job_id).wait(_PATIENCE)
        return str(failure.value)


@pytest.fixture
def running(app: resqd.App, tmp_path: Path, redis_url: str) -> Iterator[Running]:
    running = Running(app, tmp_path, redis_url)
    with running.daemon:
        wait_for(running.booted, 20, what="the worker is up")
        yield running


def test_more_of_them_run_at_a_time_than_there_are_threads(app: resqd.App, running: Running) -> None:
    """Each knows itself, jobs of threads run beside them, and more than there are places wait."""
    began = time.monotonic()
    ids = app.enqueue_many("asked", [(0.5,)] * 100)
    assert [app.result(str(job_id)).wait(_PATIENCE) for job_id in ids] == [[job_id, [0.5]] for job_id in ids]
    assert time.monotonic() - began < 15  # one after another on two threads they would take 25 s
    for name, value in (("plain", "plain"), ("hooked", 5)):
        job_id = app.enqueue(name)
        assert app.result(str(job_id)).wait(_PATIENCE) == value
    wait_for(lambda: running.worker()["jobs_done"] == 102, 10, what="all are counted")


def test_they_end_as_other_jobs_do(app: resqd.App, running: Running) -> None:
    """By an error, their timeout, or a kill; the others go on in the same process."""
    pid = running.worker()["pid"]
    other = app.enqueue("asked", 3)
    assert "ValueError: no" in running.ended("broken")
    assert "JobTimeout" in running.ended("late")
    waits = app.enqueue("waits")
    wait_for(lambda: app.cancel(str(waits)) == "running", 10, what="it is shown as running")
    with pytest.raises(resqd.JobFailed, match="DirtyExit: Job was killed"):
        app.result(str(waits)).wait(_PATIENCE)
    assert app.result(str(other)).wait(_PATIENCE) == [other, [3]]
    assert running.worker()["pid"] == pid


def test_who_blocks_the_loop_is_named_and_can_be_killed(app: resqd.App, running: Running) -> None:
    """Cancellation does not reach it; the interrupt does, before its process must go."""
    pid = running.worker()["pid"]
    job_id = app.enqueue("blocks")
    wait_for(
        lambda: running.worker()["loop_blocked_by"] == f"blocks {job_id}",
        10,
        what="it is named in the status",
    )
    other = app.enqueue("asked", 0)
    wait_for(lambda: app.cancel(str(job_id)) == "running", 10, what="it is shown as running")
    with pytest.raises(resqd.JobFailed, match="DirtyExit: Job was killed"):
        app.result(str(job_id)).wait(_PATIENCE)
    assert app.result(str(other)).wait(_PATIENCE) == [other, [0]]
    wait_for(lambda: running.worker()["loop_blocked_by"] is None, 10, what="nobody is named any more")
    assert running.worker()["pid"] == pid


def test_hooks_that_await_share_the_loop(app: resqd.App, running: Running) -> None:
    """They know the job; and what one returns is an argument of the next one in a workflow."""
    job_id = app.enqueue("surrounded")
    assert app.result(str(job_id)).wait(_PATIENCE) == ["loop", "surrounded", "open"]
    with app.workflow() as flow:
        flow.chain(async_jobs.gives.s(1), async_jobs.gives.s(resqd.RESULT), async_jobs.gives.s(resqd.RESULT))
    wait_for(lambda: app.batches.get(flow.id).state == "succeeded", 20, what="the chain is done")
    wait_for(lambda: running.worker()["jobs_done"] == 4, 10, what="all are counted")


def test_they_may_ask_to_run_later(app: resqd.App, running: Running, redis_client: Any) -> None:
    """Snoozed, without a try; or to be tried again, which counts."""
    assert running.booted()
    for how in ("snooze", "later"):
        app.enqueue("asks", how)
    wait_for(lambda: redis_client.hlen("resque:resqd:later:jobs") == 2, 10, what="both are later")
    entries = redis_client.hvals("resque:resqd:later:jobs")
    assert sorted(b'"attempts":1' in entry for entry in entries) == [False, True]


def test_a_drain_ends_a_walk_of_theirs(
    app: resqd.App, running: Running, tmp_path: Path, redis_client: Any
) -> None:
    """It goes back to its queue with the last row that was done."""
    rows = tmp_path / "rows"
    app.enqueue("walk", str(rows))
    wait_for(lambda: rows.exists() and rows.read_text().count("\n") > 100, 20, what="rows are done")
    running.client.call("drain", timeout=10)
    assert running.daemon.wait(5) == 0
    [raw] = redis_client.lrange("resque:queue:q", 0, -1)
    assert cursors.read(tokens.cursor(raw)) == int(rows.read_text().split()[-1])
