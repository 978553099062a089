"""Paused queues, seen from outside: no job of theirs is taken, on any daemon, until they are resumed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from resqd.app import App
from resqd.cli.client import Client, NoDaemonError, candidates
from resqd.cli.resqd import main
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import resqd
app = resqd.App()

@app.job(queue="mail", name="Noop")
def noop():
    pass
"""


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    application = App(redis_url)
    yield application
    application.store.close()


def daemon(folder: Path, redis_url: str, queues: str, **environ: str) -> Daemon:
    (folder / "paused_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, **environ}
    return Daemon("--app", "paused_jobs:app", "--queues", queues, folder=folder, environ=environ)


def resqd(redis_url: str, *words: str, status: int = 0) -> Any:
    done = CliRunner().invoke(main, [*words, "--json", "--redis-url", redis_url])
    assert done.exit_code == status, done.output
    return json.loads(done.stdout or done.stderr)


def status() -> dict[str, Any]:
    try:
        reply = Client(candidates("resqd", os.environ)).call("status", timeout=5)
    except NoDaemonError:
        return {}  # not yet
    found: dict[str, Any] = reply["status"]
    return found


@pytest.mark.parametrize("queues", ["low,mail", "*"])
def test_a_queue_that_was_paused_before_is_not_touched(
    app: App, redis_url: str, tmp_path: Path, queues: str
) -> None:
    """Not even by the very first look of the first worker; the others run, and it does when it is resumed."""
    resqd(redis_url, "pause-queue", "low", "--why", "too late")
    for queue in ("low", "mail"):
        for _ in range(50):
            app.enqueue_to(queue, "Noop")
    with daemon(tmp_path, redis_url, queues, JOBS_PER_FORK="20") as running:
        wait_for(lambda: app.stats.processed == 50, 20, what="the others ran")
        assert app.size("low") == 50
        wait_for(lambda: status().get("paused_queues") == ["low"], what="status names it")
        resqd(redis_url, "resume-queue", "low")
        wait_for(lambda: app.stats.processed == 100, 20, what="the rest ran")
        assert running.stop() == 0
    assert app.stats.failed == 0


def test_a_pause_stops_a_queue_that_runs(app: App, redis_url: str, tmp_path: Path) -> None:
    """Once status names it no job is taken any more, however many come; an idle worker is woken by the resumption."""
    with daemon(tmp_path, redis_url, "mail,other", JOBS_PER_FORK="0") as running:
        app.enqueue_to("mail", "Noop")
        wait_for(lambda: app.stats.processed == 1, what="it runs jobs")
        resqd(redis_url, "pause-queue", "mail")
        wait_for(lambda: status().get("paused_queues") == ["mail"], what="known")
        Client(candidates("resqd", os.environ)).call(
            "stacks", timeout=5
        )  # by its answer the worker has the order
        app.enqueue_to("mail", "Noop")
        app.enqueue_to("other", "Noop")
        wait_for(lambda: app.stats.processed == 2, what="the other queue's job ran, which comes after")
        assert app.size("mail") == 1
        resqd(redis_url, "resume-queue", "mail")
        wait_for(lambda: app.stats.processed == 3, 5, what="woken")
        assert running.stop() == 0


@pytest.mark.parametrize("key", ["pause:all", "pause-all-workers"])
def test_rubys_keys_for_everything_pause_the_daemon(
    app: App, redis_client: redis.Redis, redis_url: str, tmp_path: Path, key: str
) -> None:
    """From its start, or later; status names the key, as it does a pause file."""
    redis_client.set(f"resque:{key}", "true")
    app.enqueue_to("mail", "Noop")
    with daemon(tmp_path, redis_url, "mail") as running:
        wait_for(lambda: status().get("pause_reasons") == [key], what="status names the key")
        wait_for(lambda: running.titled("Paused"), what="the worker's title says so")
        assert app.size("mail") == 1
        redis_client.delete(f"resque:{key}")
        wait_for(lambda: app.stats.processed == 1, what="it ran")
        assert running.stop() == 0


def test_the_commands_say_who_when_and_why(app: App, redis_client: redis.Redis, redis_url: str) -> None:
    """In the list of queues as well; a pause of Ruby's is one without a note."""
    app.enqueue_to("mail", "Noop")
    app.enqueue_to("low", "Noop")
    redis_client.set("resque:pause:queue:low", "true")
    paused = resqd(redis_url, "pause-queue", "mail", "--why", "moving house")
    assert paused["paused"]["by"].endswith(f"@{os.uname().nodename}")
    shown = {queue["queue"]: queue["paused"] for queue in resqd(redis_url, "queues")}
    assert shown == {"mail": paused["paused"], "low": {"by": None, "at": None, "why": None}}
    again = resqd(redis_url, "pause-queue", "mail", status=1)
    assert "moving house" in json.dumps(again)
    text = CliRunner().invoke(main, ["queues", "--redis-url", redis_url]).output
    assert "moving house" in text
    assert resqd(redis_url, "resume-queue", "mail")["was_paused"] == paused["paused"]
    resqd(redis_url, "resume-queue", "mail", status=1)
    assert redis_client.keys("resque:pause:*") == [b"resque:pause:queue:low"]


def test_python_pauses_and_resumes(app: App, redis_url: str) -> None:
    """As the commands do, and each sees what the other did; the first note stays."""
    app.push("mail", {"class": "Noop", "args": []})
    assert app.pause_queue("mail", why="SMTP is down", by="ann")
    assert not app.pause_queue("mail", why="again")
    note = app.paused_queues()["mail"]
    assert (note.by, note.why, note.at is not None) == ("ann", "SMTP is down", True)
    assert resqd(redis_url, "resume-queue", "mail")["was_paused"]["why"] == "SMTP is down"
    assert app.paused_queues() == {}
    assert not app.resume_queue("mail")
    resqd(redis_url, "pause-queue", "mail", "--by", "bob")
    assert app.paused_queues()["mail"].by == "bob"
    assert app.resume_queue("mail")
    app.pause_queue("mail")
    assert "@" in (app.paused_queues()["mail"].by or "")
