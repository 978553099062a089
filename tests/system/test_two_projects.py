"""Two projects of one user on the embedded server: neither has the other's jobs, though they are named alike."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
JOBS = """
import resqd
app = resqd.App()

@app.job(queue="mail")
def welcome(name):
    print("{project} welcomes", name, flush=True)
"""


def ran(*words: str, folder: Path, environ: dict[str, str]) -> str:
    """One command in a project's folder; what it printed."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def has_ended(namespace: str, folder: Path, environ: dict[str, str]) -> bool:
    """Whether two jobs have ended in that namespace, which is what a command in this folder looks at."""
    told = json.loads(ran("-m", "resqd", "info", "--json", folder=folder, environ=environ))
    return (told["namespace"], told["processed"], told["failed"]) == (namespace, 2, 0)


def test_each_runs_its_own_jobs(tmp_path: Path) -> None:
    """Enqueued by a command, by Python, and by Python elsewhere, before its daemon starts; none fails."""
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    folders = {name: tmp_path / name for name in ("shop", "blog")}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "jobs.py").write_text(JOBS.format(project=name))
    with ExitStack() as stack:
        daemons = {}
        for name, folder in folders.items():
            command = ("-m", "resqd", "enqueue", "jobs.welcome", '"Ada"', "--app", "jobs:app")
            assert "is on mail" in ran(*command, folder=folder, environ=environ)
            elsewhere = {**environ, "PYTHONPATH": f"{folder}:{ROOT}"}
            code = "from jobs import welcome; welcome.enqueue('Bob')"
            ran("-c", code, folder=tmp_path, environ=elsewhere)
            daemons[name] = stack.enter_context(
                Daemon(
                    *("--app", "jobs:app", "--name", name, "--preset", "throughput"),
                    folder=folder,
                    cwd=folder,
                    environ=environ,
                )
            )
        for name, daemon in daemons.items():
            for who in ("Ada", "Bob"):
                daemon.wait_for_line(f"^{name} welcomes {who}$")
        daemons["blog"].wait_for_line(
            r"namespace on the embedded server is resque-blog, since \S*/shop has resque"
        )
        for name, folder in folders.items():
            own = "resque" if name == "shop" else "resque-blog"
            wait_for(partial(has_ended, own, folder, environ), 20, what="both have ended well")
        for daemon in daemons.values():
            daemon.stop()
