"""What an application wants done about failures, in the real daemon: own backends, callbacks, records left out."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import json, os, resqd
app = resqd.App()

def note(kind, record):
    line = json.dumps([kind, record["payload"]["class"], record["exception"], record["payload"].get("id")])
    with open(os.environ["NOTES"], "a") as file:
        file.write(line + "\\n")

class Own:
    def place(self, queue, keys):
        from resqd.store.backends import Place
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

@app.job(queue="q", name="Good")
def good():
    pass
"""


def daemon(folder: Path, redis_url: str, **environ: str) -> Daemon:
    (folder / "failing_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    given = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "NOTES": str(folder / "notes"), **environ}
    flags = ["--app", "failing_jobs:app", "--queues", "q", "--jobs-per-fork", "0"]
    return Daemon(*flags, folder=folder, environ=given)


def notes(folder: Path) -> list[list[Any]]:
    path = folder / "notes"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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
