"""The application's process hooks in the real daemon: which process calls which, how often, in what order."""

import os
import signal
from functools import partial
from pathlib import Path

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, resqd
app = resqd.App()

def note(name):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{name} {os.getpid()}\\n")

def noting(name):
    app.hooks.add(name, lambda: note(name))

def failing():
    raise ValueError("a hook that fails")

for name in ("before_first_fork", "before_fork", "after_fork", "after_jobs_run", "before_pause", "after_pause",
             "worker_exit"):
    app.hooks.add(name, failing)
    noting(name)

@app.job(queue="q", name="Job")
def job():
    note("job")

@app.hooks.before_pause
def leave():
    raise SystemExit("in a hook")
"""


class Notes:
    """What the hooks have written: pairs of name and pid, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[tuple[str, int]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(name, int(pid)) for name, pid in (line.split() for line in lines)]

    def of(self, pid: int) -> list[str]:
        return [name for name, each in self.all() if each == pid]

    def reached(self, name: str, count: int) -> bool:
        return self.count(name) == count

    def count(self, name: str) -> int:
        return [each for each, _ in self.all()].count(name)


def daemon(folder: Path, redis_url: str, notes: Notes, **environ: str) -> Daemon:
    (folder / "hook_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    given = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "NOTES": str(notes.path), **environ}
    return Daemon("--app", "hook_jobs:app", "--queues", "q", folder=folder, environ=given)


def test_hooks_of_a_workers_life(tmp_path: Path, redis_url: str) -> None:
    """In the master once before the first fork and before each; in a worker after the fork, after its jobs, at its
    end. A hook that fails is logged, and stops neither the others nor the worker."""
    notes = Notes(tmp_path / "notes")
    app = App(redis_url)
    for _ in range(4):
        app.enqueue_to("q", "Job")
    with daemon(tmp_path, redis_url, notes, JOBS_PER_FORK="2") as running:
        wait_for(lambda: notes.count("worker_exit") == 2, 15, what="two workers came to their end")
        assert running.stop() == 0
        assert "ValueError: a hook that fails" in running.output()
        master = running.pid
    told = notes.of(master)
    assert told[0] == "before_first_fork"
    assert set(told[1:]) == {"before_fork"}
    workers = list(dict.fromkeys(pid for name, pid in notes.all() if name == "job"))
    assert [notes.of(pid) for pid in workers] == 2 * [
        ["after_fork", "job", "job", "after_jobs_run", "worker_exit"]
    ]
    assert notes.count("before_fork") == notes.count("after_fork")
    assert notes.count("after_jobs_run") == 2


def test_hooks_around_a_pause(tmp_path: Path, redis_url: str) -> None:
    """Both run once for each pause, in the worker, and no job is taken before the pause's last hook has run; a hook
    that calls sys.exit harms nothing."""
    notes = Notes(tmp_path / "notes")
    app = App(redis_url)
    with daemon(tmp_path, redis_url, notes, JOBS_PER_FORK="0") as running:
        wait_for(lambda: notes.count("after_fork") == 1, what="the worker is there")
        wait_for(lambda: running.titled("Waiting for q"), what="it waits for jobs")
        for pauses in (1, 2):
            running.send(signal.SIGUSR2)
            wait_for(partial(notes.reached, "before_pause", pauses), what="told to pause")
            app.enqueue_to("q", "Job")
            running.send(signal.SIGCONT)
            wait_for(partial(notes.reached, "job", pauses), what="the job ran")
        running.send(signal.SIGUSR2)
        wait_for(lambda: notes.count("before_pause") == 3, what="paused a third time")
        assert running.stop(signal.SIGQUIT) == 0
    (worker,) = {pid for name, pid in notes.all() if name == "job"}
    pause = ["before_pause", "after_pause"]
    assert notes.of(worker) == ["after_fork", *pause, "job", *pause, "job", *pause, "worker_exit"]
