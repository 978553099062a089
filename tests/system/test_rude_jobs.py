"""Jobs that do to their process what no job should: each is recorded, and the worker goes on or is replaced."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, signal, sys, time, resqd
app = resqd.App()

def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{text}\\n")

@app.job(queue="q", name="Note")
def write():
    note(f"{os.getpid()} {os.getcwd()}")

@app.job(queue="q", name="Exit")
def leave(status):
    sys.exit(status)

@app.job(queue="q", name="HardExit")
def hard_exit():
    os._exit(0)

class Unprintable(BaseException):
    def __str__(self):
        raise ValueError("no text")

@app.job(queue="q", name="Raise")
def fail():
    raise Unprintable

@app.job(queue="q", name="Signal")
def handle():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

@app.job(queue="q", name="Move")
def move(folder):
    os.chdir(folder)

@app.job(queue="q", name="Close")
def close():
    os.closerange(3, 1024)

@app.job(queue="q", name="CloseSome")
def close_some():
    for number in range(3, 1024):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                os.close(number)
        except OSError:
            pass

@app.job(queue="q", name="Fork")
def fork(way):
    pid = os.fork()
    if pid == 0:
        note("copy")
        if way == "exit":
            sys.exit(7)
        if way == "raise":
            raise ValueError("in the copy")
        return
    note(f"status {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def daemon(tmp_path: Path, notes: Path, redis_url: str) -> Iterator[Daemon]:
    """One worker with one thread."""
    (tmp_path / "rude_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "NOTES": str(notes)}
    flags = ["--app", "rude_jobs:app", "--queues", "q", "--jobs-per-fork", "0"]
    with Daemon(*flags, folder=tmp_path, environ=environ) as running:
        yield running


@pytest.fixture
def app(redis_url: str) -> App:
    return App(redis_url)


def push(app: App, job: str, *args: Any) -> None:
    app.push("q", {"class": job, "args": list(args), "id": job})


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def failures(app: App) -> list[tuple[str, str]]:
    return [(failure.job_class, failure.exception) for failure in app.failures.all()]


def settled(app: App, processed: int) -> bool:
    return app.stats.processed == processed and app.size("q") == 0


def test_what_a_job_raises_is_its_failure(daemon: Daemon, app: App, notes: Path) -> None:
    """sys.exit, an exception of no usual kind that cannot even be printed, a signal handler that a thread may not
    set: each is recorded, and the same worker runs the next job."""
    push(app, "Note")
    push(app, "Exit", 0)
    push(app, "Exit", "text")
    for job in ("Raise", "Signal", "Note"):
        push(app, job)
    wait_for(lambda: settled(app, 6), what="all have run")
    assert [job for job, _ in failures(app)] == ["Exit", "Exit", "Raise", "Signal"]
    assert [kind.rpartition(".")[2] for _, kind in failures(app)] == [
        "SystemExit",
        "SystemExit",
        "Unprintable",
        "ValueError",
    ]
    first, last = lines(notes)
    assert first == last
    assert daemon.stop() == 0


@pytest.mark.parametrize("job", ["HardExit", "Close"])
def test_a_job_that_wrecks_its_process_is_recorded(daemon: Daemon, app: App, notes: Path, job: str) -> None:
    """It is run as often as MAX_DELIVERIES says, then recorded as DirtyExit; each time the worker is replaced, and
    the other jobs run."""
    for each in ("Note", job, "Note"):
        push(app, each)
    wait_for(lambda: failures(app) == [(job, "DirtyExit")], 40, what="it is recorded")
    wait_for(lambda: len(lines(notes)) >= 2, 20, what="the others ran")
    wait_for(lambda: app.size("q") == 0, what="nothing is left")
    assert daemon.stop(signal.SIGQUIT) == 0


def test_a_worker_without_its_sockets_is_replaced(daemon: Daemon, app: App, notes: Path) -> None:
    """A job that closes the connection to Redis and the channel to the master costs the worker, and no job."""
    push(app, "Note")
    wait_for(lambda: len(lines(notes)) == 1, what="the first ran")
    push(app, "CloseSome")
    wait_for(lambda: app.stats.processed >= 2, 40, what="it came to an end")
    push(app, "Note")
    wait_for(lambda: len(lines(notes)) >= 2, 20, what="the next ran")
    wait_for(lambda: app.size("q") == 0, what="nothing is left")
    assert daemon.stop(signal.SIGQUIT) == 0


def test_a_worker_in_another_folder_is_replaced(
    daemon: Daemon, app: App, notes: Path, tmp_path: Path
) -> None:
    """After a job's os.chdir the worker finishes and gives way to one in the right folder."""
    push(app, "Note")
    push(app, "Move", str(tmp_path))
    wait_for(lambda: settled(app, 2), what="both have run")
    daemon.wait_for_line("a job left this process in another folder")
    push(app, "Note")
    wait_for(lambda: settled(app, 3), what="the last has run")
    (first, folder), (last, then) = (line.split(" ", 1) for line in lines(notes))
    assert first != last
    assert folder == then
    assert failures(app) == []
    assert daemon.stop() == 0


@pytest.mark.parametrize(("way", "status"), [("return", 0), ("exit", 7), ("raise", 1)])
def test_a_fork_makes_no_second_worker(daemon: Daemon, app: App, notes: Path, way: str, status: int) -> None:
    """The copy leaves where the job's code ends in it: it settles nothing and takes no other job."""
    push(app, "Fork", way)
    for _ in range(3):
        push(app, "Note")
    wait_for(lambda: settled(app, 4), what="all have run")
    assert lines(notes)[:2] == ["copy", f"status {status}"]
    assert len(set(lines(notes)[2:])) == 1
    assert len(lines(notes)) == 5
    assert failures(app) == []
    assert daemon.stop() == 0
