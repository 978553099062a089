"""resqd top on a terminal: the threads of all hosts, and acts on a daemon that obeys through Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from resqd.app import App
from resqd.store.keys import Keys
from tests.support.daemon import Daemon
from tests.support.terminal import Terminal
from tests.support.waiting import wait_for

_JOBS = """
import pathlib, time
import resqd
app = resqd.App()

@app.job(queue="mail", name="Hold")
def hold(path):
    pathlib.Path(path).touch()
    while pathlib.Path(path).exists():
        time.sleep(0.01)
"""
TOP = [sys.executable, "-m", "resqd", "top"]


@pytest.mark.timeout(90)
def test_the_fleet_is_seen_and_steered(redis_url: str, redis_client: redis.Redis, tmp_path: Path) -> None:
    """A job is seen and killed; its daemon is paused and resumed, with the secret that both have."""
    (tmp_path / "top_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
    told = {
        "REDIS_URL": redis_url,
        "PYTHONPATH": paths,
        "HEARTBEAT_INTERVAL": "0.1",
        "RESQD_SECRET": "a secret of both sides",
    }
    environ = {**os.environ, **told}
    app, held = App(redis_url), tmp_path / "held"
    app.push("mail", {"class": "Hold", "args": [str(held)], "id": "f00d"})
    with Daemon("--app", "top_jobs:app", "--workers", "1", folder=tmp_path, environ=told, cwd=tmp_path):
        wait_for(held.exists, 20, what="the job runs")
        wait_for(app.workers.threads_working, 20, what="the job is told")
        told_json = subprocess.run([*TOP, "--json"], env=environ, capture_output=True, check=True).stdout
        (line,) = json.loads(told_json)["threads"]
        assert (line["class"], line["queue"], line["daemon"], line["id"]) == ("Hold", "mail", "resqd", "f00d")
        with Terminal([*TOP, "--interval", "0.2"], environ) as terminal:
            terminal.shows("Hold")
            terminal.type("p")
            terminal.shows(": paused")
            terminal.type("r")
            terminal.shows(": running")
            terminal.type("ky")
            terminal.shows("to kill Hold f00d; it looks every few seconds")
            (worker,) = app.workers.all()
            key = Keys("resque").worker_kills(worker.id.text, line["pid"])
            wanted = [line["thread"].encode()]  # that it is obeyed, seconds later, is tested elsewhere

            def asked() -> bool:
                return redis_client.lrange(key, 0, -1) == wanted or bool(redis_client.llen("resque:failed"))

            wait_for(asked, 20, what="the kill is asked for")
            held.unlink()
            terminal.shows("(idle, 1 threads)")
            terminal.type("q")
            assert terminal.ended() == 0
    app.store.close()
