"""What an application wants done about failures, in the real daemon: own backends, callbacks, records left out."""

import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import json, os, sys, time, resqd
app = resqd.App()

def note(kind, record):
    line = json.dumps([kind, record["payload"]["class"], record["exception"], record["payload"].get("id")])
    with open(os.environ["NOTES"], "a") as file:
        file.write(line + "\\n")

class Own:
    def place(self, queue, keys):
        from resqd.store.resque.backends import Place
        return Place(())

    def save(self, record):
        note("saved", record)
        if os.environ.get("BROKEN"):
            raise SystemExit("a backend that calls sys.exit")

app.failure_policy.on_failure = lambda record: note("failure", record)
app.failure_policy.on_expire = lambda record: note("expired", record)
app.failure_policy.ignored = (KeyError,)
app.failure_policy.expire_generation = 3
if os.environ.get("OWN"):
    app.failure_policy.backends = ("redis", Own())

@app.job(queue="q", name="Bad")
def bad(kind="ValueError"):
    raise {"ValueError": ValueError, "KeyError": KeyError}[kind]("no")

@app.job(queue="q", name="Quiet", skip_failed_queue=True)
def quiet():
    raise ValueError("not to be kept")

@app.job(queue="q", name="Crash", on_crash="fail")
def crash():
    os._exit(1)

@app.job(queue="q", name="Hooked", on_crash="fail")
def hooked(what):
    if what == "crash":
        os._exit(1)
    while True:
        time.sleep(0.01)

@hooked.on_failure
def tell(error, what):
    kind = f"{type(error).__name__} {error}"[:22]
    job = resqd.current_job()
    note("hook", {"payload": {"class": job.job_class, "id": job.id}, "exception": kind})
    if os.environ.get("HOOK") == "raises":
        sys.exit("a hook that calls sys.exit")
    while os.environ.get("HOOK") == "hangs":
        time.sleep(0.01)

@app.job(queue="q", name="Good")
def good():
    pass

def around():
    note("in", {"payload": {"class": resqd.current_job().job_class}, "exception": ""})
    yield
    note("out", {"payload": {"class": resqd.current_job().job_class}, "exception": ""})

@app.hooks.after_fork
def fit():
    note("fork", {"payload": {"class": ""}, "exception": ""})

if os.environ.get("AROUND"):
    app.around_each_job(around)
"""


def daemon(folder: Path, redis_url: str, **environ: str) -> Daemon:
    (folder / "failing_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    given = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "NOTES": str(folder / "notes"), **environ}
    flags = ["--app", "failing_jobs:app", "--queues", "q", "--jobs-per-fork", "0"]
    return Daemon(*flags, folder=folder, environ=given)


def notes(folder: Path) -> list[list[Any]]:
    path = folder / "notes"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line[0] != "fork"]


def recorded(app: App, count: int) -> bool:
    return app.failures.count() == count


def test_callbacks_are_called_for_what_they_are_for(tmp_path: Path, redis_url: str) -> None:
    """Each failure once, but for ignored exceptions; the last generation as well; a drain waits for them."""
    app = App(redis_url)
    app.push("q", {"class": "Bad", "args": [], "id": "first"})
    app.push("q", {"class": "Bad", "args": ["KeyError"], "id": "ignored"})
    app.push("q", {"class": "Bad", "args": ["KeyError"], "id": "expired", "generation": 3})
    app.push("q", {"class": "Good", "args": [], "id": "good"})
    with daemon(tmp_path, redis_url) as running:
        wait_for(lambda: app.stats.processed == 4, what="all ran")
        assert running.stop(signal.SIGQUIT) == 0
    assert notes(tmp_path) == [
        ["failure", "Bad", "ValueError", "first"],
        ["expired", "Bad", "KeyError", "expired"],
    ]
    assert [failure.id for failure in app.failures.all()] == ["first", "ignored", "expired"]


def test_an_own_backend_saves_after_redis(tmp_path: Path, redis_url: str) -> None:
    """Beside `redis` it gets each record; its sys.exit harms neither the callbacks nor the next job."""
    app = App(redis_url)
    for number in range(3):
        app.push("q", {"class": "Bad", "args": [], "id": f"{number}"})
    with daemon(tmp_path, redis_url, OWN="1", BROKEN="1") as running:
        wait_for(lambda: app.stats.failed == 3, what="all failed")
        assert running.stop(signal.SIGQUIT) == 0
        assert "a backend that calls sys.exit" in running.output()
    assert notes(tmp_path) == [
        [kind, "Bad", "ValueError", str(number)] for number in range(3) for kind in ("saved", "failure")
    ]
    assert app.failures.count() == 3


def test_a_failure_that_is_left_out_is_counted(tmp_path: Path, redis_url: str) -> None:
    """With skip_failed_queue nothing is recorded or saved; counters and callbacks know of it."""
    app = App(redis_url)
    app.push("q", {"class": "Quiet", "args": [], "id": "quiet"})
    with daemon(tmp_path, redis_url, OWN="1") as running:
        wait_for(lambda: app.stats.failed == 1, what="it failed")
        assert running.stop(signal.SIGQUIT) == 0
    assert notes(tmp_path) == [["failure", "Quiet", "ValueError", "quiet"]]
    assert app.failures.count() == 0


def test_a_crash_is_told_by_the_housekeeper(tmp_path: Path, redis_url: str) -> None:
    """A job whose process died is recorded, saved and told as any other failure."""
    app = App(redis_url)
    app.push("q", {"class": "Crash", "args": [], "id": "crash"})
    with daemon(tmp_path, redis_url, OWN="1") as running:
        wait_for(lambda: len(notes(tmp_path)) == 2, what="it was told")
        assert running.stop(signal.SIGQUIT) == 0
    assert notes(tmp_path) == [[kind, "Crash", "DirtyExit", "crash"] for kind in ("saved", "failure")]
    assert app.failures.count() == 1


def test_a_crash_calls_the_jobs_own_hooks(tmp_path: Path, redis_url: str) -> None:
    """By the housekeeper, made fit for it by after_fork, with DirtyExit, inside of the hooks around jobs."""
    app = App(redis_url)
    app.push("q", {"class": "Hooked", "args": ["crash"], "id": "crash"})
    with daemon(tmp_path, redis_url, AROUND="1") as running:
        wait_for(lambda: len(notes(tmp_path)) == 5, what="it was told")
        assert running.stop(signal.SIGQUIT) == 0
    text = (tmp_path / "notes").read_text().splitlines()
    words = [json.loads(line) for line in text]
    kinds = [word[0] for word in words]
    assert kinds.index("fork", 2) < kinds.index(
        "hook"
    )  # the worker's own, and maybe its successor's, came before
    assert notes(tmp_path) == [
        ["in", "Hooked", "", None],
        ["in", "Hooked", "", None],
        ["hook", "Hooked", "DirtyExit Job's worker", "crash"],
        ["failure", "Hooked", "DirtyExit", "crash"],
        ["out", "Hooked", "", None],
    ]
    assert app.failures.count() == 1


@pytest.mark.parametrize("hook", ["raises", "hangs"])
def test_a_hook_for_a_crash_stops_nothing(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, hook: str
) -> None:
    """Heartbeats go on, and the next worker's death is settled, whatever the hook does."""
    app = App(redis_url)
    with daemon(tmp_path, redis_url, HOOK=hook, HEARTBEAT_INTERVAL="0.2", KILL_GRACE="0.5") as running:
        for number in range(3):
            app.push("q", {"class": "Hooked", "args": ["crash"], "id": f"{number}"})
            wait_for(partial(recorded, app, number + 1), what="it was recorded")
        wait_for(lambda: len(notes(tmp_path)) >= 1, what="a hook was called")
        [beats] = redis_client.hvals("resque:resqd:daemons")
        wait_for(lambda: int(redis_client.hvals("resque:resqd:daemons")[0]) > int(beats) + 3, what="it beats")
        assert running.stop(signal.SIGTERM) == 0
    assert {one[0] for one in notes(tmp_path)} <= {"hook", "failure"}
    if hook == "raises":
        assert len(notes(tmp_path)) >= 3


def test_a_killed_jobs_hooks_are_told_what_the_record_says(tmp_path: Path, redis_url: str) -> None:
    """DirtyExit, not the exception by which its thread was interrupted."""
    app = App(redis_url)
    app.push("q", {"class": "Hooked", "args": ["wait"], "id": "killed"})
    with daemon(tmp_path, redis_url, AROUND="1") as running:
        wait_for(lambda: notes(tmp_path), what="it runs")
        running.send(signal.SIGUSR1)
        wait_for(lambda: app.failures.count() == 1, what="it was recorded")
        assert running.stop(signal.SIGQUIT) == 0
    assert ["hook", "Hooked", "DirtyExit Job was kill", "killed"] in notes(tmp_path)
    [record] = app.failures.all()
    assert (record.exception, record.error) == ("DirtyExit", "Job was killed")
