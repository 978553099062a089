"""Pause files, seen from outside: no job is begun while one exists, whatever else is commanded."""

import os
import signal
from pathlib import Path
from typing import Any

from resqd.app import App
from resqd.cli.client import Client, NoDaemonError, candidates
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import resqd
app = resqd.App()

@app.job(queue="q", name="Noop")
def noop():
    pass
"""


def daemon(folder: Path, redis_url: str, *files: Path) -> Daemon:
    (folder / "pause_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "RESQD_PAUSE_FILES": ",".join(map(str, files))}
    return Daemon("--app", "pause_jobs:app", "--queues", "q", folder=folder, environ=environ)


def status() -> dict[str, Any]:
    try:
        reply = Client(candidates("resqd", os.environ)).call("status", timeout=5)
    except NoDaemonError:
        return {}  # not yet
    found: dict[str, Any] = reply["status"]
    return found


def reasons() -> list[str]:
    found: list[str] = status().get("pause_reasons", [])
    return found


def test_a_file_pauses_from_the_start(tmp_path: Path, redis_url: str) -> None:
    """With the file there before the daemon, nothing is taken; when it goes, jobs run."""
    file = tmp_path / "paused"
    file.touch()
    app = App(redis_url)
    app.enqueue_to("q", "Noop")
    with daemon(tmp_path, redis_url, file) as running:
        wait_for(lambda: reasons() == [str(file)], what="status names the file")
        wait_for(lambda: running.titled("Paused"), what="the worker's title says so")
        assert (app.size("q"), app.stats.processed) == (1, 0)
        file.unlink()
        wait_for(lambda: app.stats.processed == 1, what="the job ran")
        assert running.stop() == 0


def test_files_and_signals_are_independent(tmp_path: Path, redis_url: str) -> None:
    """USR2 and CONT do not end a file's pause, and the end of a file's pause does not end theirs."""
    files = tmp_path / "one", tmp_path / "two"
    with daemon(tmp_path, redis_url, *files) as running:
        wait_for(lambda: status().get("state") == "running", what="it runs")
        files[1].touch()
        wait_for(lambda: reasons() == [str(files[1])], what="the file pauses")
        running.send(signal.SIGUSR2)
        wait_for(lambda: reasons() == ["command", str(files[1])], what="both pause")
        files[1].unlink()
        wait_for(lambda: reasons() == ["command"], what="the command still pauses")
        files[0].touch()
        wait_for(lambda: reasons() == ["command", str(files[0])], what="both pause again")
        running.send(signal.SIGCONT)
        wait_for(lambda: reasons() == [str(files[0])], what="the file still pauses")
        assert status()["state"] == "paused"
        files[0].unlink()
        wait_for(lambda: status()["state"] == "running", what="it runs again")
        assert running.stop() == 0
