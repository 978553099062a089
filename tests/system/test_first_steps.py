"""A newcomer's first steps, and first mistakes, with the real daemon."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import redis

from tests.support.daemon import Daemon
from tests.support.server import Server
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application's folder that holds the jobs of the README's first example."""
    example = re.search(r"## A first job.*?```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    (tmp_path / "jobs.py").write_text(example[1])
    return tmp_path


def resqd(folder: Path, *arguments: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    """The command, run in the application's folder."""
    environ = {**os.environ, "PYTHONPATH": str(_ROOT), "REDIS_URL": redis_url}
    command = [sys.executable, "-m", "resqd", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def daemon(folder: Path, *flags: str, redis_url: str) -> Daemon:
    environ = {"PYTHONPATH": f"{_ROOT}{os.pathsep}{folder}", "REDIS_URL": redis_url}
    return Daemon("--app", "jobs:app", "--queues", "mail", *flags, folder=folder, environ=environ)


def test_the_first_minute_of_the_readme(folder: Path, redis_url: str, redis_client: redis.Redis) -> None:
    """A job runs and prints; one that fails is in the log and in `failed`, and runs again when requeued."""
    with daemon(
        folder, "--workers", "2", "--threads", "4", "--jobs-per-fork", "100", redis_url=redis_url
    ) as one:
        enqueue = ("enqueue", "--app", "jobs:app")
        assert resqd(folder, *enqueue, "jobs.welcome", '"Ada"', redis_url=redis_url).returncode == 0
        one.wait_for_line("^welcome, Ada$")
        resqd(folder, *enqueue, "jobs.divide", "1", "0", redis_url=redis_url)
        one.wait_for_line(
            r"jobs\.divide [0-9a-f]{32} of queue mail failed: ZeroDivisionError: division by zero"
        )
        wait_for(lambda: redis_client.llen("resque:failed") == 1)
        shown = resqd(folder, "failed", "show", "-1", redis_url=redis_url).stdout
        assert "jobs.py:13:in `divide'" in shown
        assert resqd(folder, "failed", "requeue", "-1", redis_url=redis_url).returncode == 0
        wait_for(lambda: redis_client.llen("resque:failed") == 2)
        one.stop()


TITLES = """
@app.job(queue="mail", name="Title")
def title():
    import os, redis
    with open("/proc/self/cmdline") as own:
        redis.Redis.from_url(os.environ["REDIS_URL"]).rpush("titles", own.read().strip("\\0 "))
"""


def test_every_worker_is_titled_from_its_first_moment(
    folder: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """The first and only job of a fork finds its process named as a worker, never as another master."""
    with (folder / "jobs.py").open("a") as module:
        module.write(TITLES)
    redis_client.rpush("resque:queue:mail", *[b'{"class":"Title","args":[]}'] * 10)
    with daemon(folder, "--burst", "--jobs-per-fork", "1", redis_url=redis_url) as one:
        assert one.wait(30) == 0
        one.expect_gone()
    titles = cast("list[bytes]", redis_client.lrange("titles", 0, -1))
    # One that waited for its slot for long may have reported, and so say what it processes.
    shown = (b"resqd-1.0: worker 0 [0/1] Waiting", b"resqd-1.0: worker 0 [0/1] Processing")
    assert [title for title in titles if not title.startswith(shown)] == []
    assert len(titles) == 10


def test_two_daemons_of_one_name(folder: Path, redis_url: str) -> None:
    """The second says who is there, ends with 1, and the first goes on."""
    with daemon(folder, redis_url=redis_url) as first:
        wait_for(lambda: first.titled("housekeeper"))
        second = resqd(folder, "start", "--app", "jobs:app", redis_url=redis_url)
        assert second.returncode == 1
        assert f"a daemon named resqd runs already: pid {first.pid}" in second.stdout + second.stderr
        assert first.stop() == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "RESQD_APP is not set: say where the App is"),
        (["--app", "jobs"], "give MODULE:ATTR, such as jobs:app"),
        (["--app", "no_such_jobs:app"], "there is no module no_such_jobs in "),
        (["--app", "jobs:wrong"], "has no attribute 'wrong': give --app jobs:app"),
        (["--app", "jobs:welcome"], "has a Job, not an App, as 'welcome': give --app jobs:app"),
        (["--app", "jobs:app", "--workers", "many"], "WORKER_COUNT (--workers)=many: give a whole number"),
    ],
)
def test_a_wrong_start_is_one_line(folder: Path, redis_url: str, flags: list[str], words: str) -> None:
    """Exit status 78, what is wrong, and what to write instead; no traceback."""
    done = resqd(folder, "start", *flags, redis_url=redis_url)
    assert done.returncode == 78
    assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_wrong_password_is_said_and_steering_still_works(folder: Path, valkey_server: Server) -> None:
    """The daemon says that Redis refuses it, never with the password, and a stop ends it in a few seconds."""
    url = f"unix://:falsch@{valkey_server.socket}"
    with daemon(folder, "--kill-grace", "1", redis_url=url) as one:
        one.wait_for_line("Redis refuses us|does not answer|cannot reach")
        assert "falsch" not in one.output()
        assert one.stop(seconds=15) == 0
