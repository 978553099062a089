"""Jobs in processes of their own, with the real daemon."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

import resqd
from resqd import cursors
from resqd.cli.client import Client, NoDaemonError
from resqd.store.inflight import tokens
from tests.support import isolated_jobs
from tests.support.daemon import Daemon
from tests.support.processes import alive
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_PATIENCE = 20


@pytest.fixture
def app(redis_url: str) -> Iterator[resqd.App]:
    app = isolated_jobs.app
    app.configure(redis_url=redis_url)
    yield app
    app.store.close()


class Running:
    """A daemon with one worker of three threads."""

    def __init__(self, app: resqd.App, folder: Path, redis_url: str, **environ: str) -> None:
        shape = ("--workers", "1", "--threads", "3", "--jobs-per-fork", "0", "--queues", "q")
        known = {
            "REDIS_URL": redis_url,
            "PYTHONPATH": str(_ROOT),
            "ISOLATED_FOLDER": str(folder),
            "KILL_GRACE": "1",
        }
        self.app = app
        self.folder = folder
        self.redis = redis.Redis.from_url(redis_url)
        self.daemon = Daemon(
            "--app", "tests.support.isolated_jobs:app", *shape, folder=folder, environ=known | environ
        )
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

    def result(self, name: str, *args: object) -> Any:
        """What a job returns."""
        job_id = self.app.enqueue(name, *args)
        assert job_id
        return self.app.result(job_id).wait(_PATIENCE)

    def ended(self, name: str) -> str:
        """What a job's failure says."""
        with pytest.raises(resqd.JobFailed) as failure:
            self.result(name)
        return str(failure.value).partition("has failed: ")[2]

    def below(self) -> list[psutil.Process]:
        """The forker, and the processes of jobs."""
        return psutil.Process(self.worker()["pid"]).children(recursive=True)

    def waits(self) -> tuple[str, int]:
        """Begin the job that waits: its id, and its process."""
        job_id = self.app.enqueue("waits")
        path = self.folder / "waits"
        wait_for(lambda: path.exists() and path.read_text(), 10, what="it waits")
        return str(job_id), int(path.read_text())


@pytest.fixture
def running(app: resqd.App, tmp_path: Path, redis_url: str) -> Iterator[Running]:
    running = Running(app, tmp_path, redis_url)
    with running.daemon:
        wait_for(running.booted, 20, what="the worker is up")
        yield running


def test_a_job_runs_in_a_process_of_its_own(running: Running) -> None:
    """With one thread that knows its job, after the hooks of forks; what it says, logs, returns and raises comes on."""
    job_id, args, queue, pid, parent, hooked, threads = running.result("asked", "hello")
    assert (args, queue, hooked, threads) == (["hello"], "q", True, 1)
    assert len(job_id) == 32
    [forker] = running.below()
    assert parent == forker.pid
    assert pid != running.result("asked", "again")[3]
    assert running.result("coroutine") == 7
    running.daemon.wait_for_line("printed hello")
    running.daemon.wait_for_line("logged hello")
    assert running.ended("broken") == "ValueError: no luck"
    record = running.app.failures.all()[-1]
    assert "in `broken'" in "\n".join(record.backtrace)
    running.daemon.wait_for_line(r'raise ValueError\("no luck"\)')
    assert wait_for(lambda: running.below() == [forker], 5, what="no process is left, and no zombie")


def test_what_kills_its_process_harms_no_other_job(running: Running) -> None:
    """A crash, an end out of turn and memory that it may not have are that job's, and said so."""
    pid = running.worker()["pid"]
    neighbour, held = running.waits()
    assert running.ended("crash") == "DirtyExit: Job's process was killed by SIGSEGV"
    assert running.ended("vanish") == "DirtyExit: Job's process ended itself with status 3"
    assert running.ended("hungry").startswith("MemoryError")
    assert running.result("modest") == 16 << 20
    assert alive(held)
    os.kill(held, signal.SIGKILL)
    with pytest.raises(resqd.JobFailed, match="killed by SIGKILL, as the kernel does where memory runs out"):
        running.app.result(neighbour).wait(_PATIENCE)
    assert running.worker()["pid"] == pid


def test_a_timeout_and_a_kill_reach_it(running: Running) -> None:
    """It may tidy up; what does not end by itself is killed, and the worker goes on."""
    pid = running.worker()["pid"]
    assert running.ended("late") == "JobTimeout: Job ran out of time"
    assert (running.folder / "tidied").exists()
    assert running.ended("deaf") == "JobTimeout: Job ran out of time"
    job_id, process = running.waits()
    wait_for(lambda: running.app.cancel(job_id) == "running", 10, what="it is shown as running")
    with pytest.raises(resqd.JobFailed, match="DirtyExit: Job was killed"):
        running.app.result(job_id).wait(_PATIENCE)
    wait_for(lambda: not alive(process), 5, what="its process is gone")
    assert running.worker()["pid"] == pid


def test_no_lock_of_a_neighbour_is_held_in_it(running: Running) -> None:
    """Whatever other threads of the worker do at the moment of the fork."""
    running.app.enqueue("holds", 1.0)
    running.app.enqueue("holds", 1.0)
    while not (running.folder / "held").exists():
        assert running.result("wants") == 5


def test_it_dies_with_its_worker(running: Running) -> None:
    """And runs again, as the job of any worker that is killed."""
    _, process = running.waits()
    wait_for(lambda: running.worker()["threads"][0]["job"], 5, what="it is known to run")
    (running.folder / "waits").unlink()
    below = [one.pid for one in running.below()]
    os.kill(running.worker()["pid"], signal.SIGKILL)
    wait_for(lambda: not any(map(alive, [*below, process])), 5, what="nothing of it is left")
    wait_for((running.folder / "waits").exists, 20, what="it runs again")


def test_a_worker_whose_forker_is_killed_gives_way(running: Running) -> None:
    """What ran fails, what comes is run by the next worker."""
    pid = running.worker()["pid"]
    job_id, process = running.waits()
    [forker] = psutil.Process(pid).children()
    forker.kill()
    with pytest.raises(resqd.JobFailed, match="killed with the one that had forked it"):
        running.app.result(job_id).wait(_PATIENCE)
    wait_for(lambda: not alive(process), 5, what="its process is gone")
    assert running.result("asked", "on")[1] == ["on"]
    assert running.worker()["pid"] != pid


def test_cursor_progress_and_a_drain(running: Running) -> None:
    """As on a thread: the export goes back within a second, with the row behind the last one."""
    running.app.enqueue("export", 1_000_000)
    rows = running.folder / "rows"
    wait_for(lambda: rows.exists() and rows.read_text().count("\n") > 200, 20, what="rows are done")

    def progress() -> Any:
        return next((each["job"]["progress"] for each in running.worker()["threads"] if each["job"]), None)

    assert wait_for(progress, 5, what="its progress is shown")["note"] == "rows"
    running.client.call("drain", timeout=10)
    assert running.daemon.wait(5) == 0
    left: Any = running.redis.lrange("resque:queue:q", 0, -1)
    cursor = cursors.read(tokens.cursor(left[0]))
    done = rows.read_text().split()
    assert done == [str(row) for row in range(cursor + 1)]


def test_it_may_ask_to_run_later(running: Running) -> None:
    """Snoozed, without a try; or to be tried again, which counts."""
    for how in ("snooze", "later"):
        running.app.enqueue("snooze", how)
    wait_for(lambda: running.redis.hlen("resque:resqd:later:jobs") == 2, 10, what="both are later")
    entries: Any = running.redis.hvals("resque:resqd:later:jobs")
    assert sorted(b'"attempts":1' in entry for entry in entries) == [False, True]
