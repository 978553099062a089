"""What people are told of a Redis that is not there, or does not let them in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.server import Server
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_JOBS = """
import resqd

app = resqd.App()


@app.job(queue="mail")
def welcome(name):
    print("welcome,", name, flush=True)
"""
_NOBODY = "redis://localhost:1/0"
REFUSALS = [
    ("", "it wants a password: put it into REDIS_URL"),
    (":falsch@", "it does not take the password, or the user, of REDIS_URL"),
    (":geheim@", "it has no such database: the number at the end of REDIS_URL must be below"),
]


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    """A server that wants the password `geheim`."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as server:
        with redis.Redis.from_url(server.url()) as client:
            client.config_set("requirepass", "geheim")
        yield server


def url_of(server: Server, login: str) -> str:
    """Its URL with this login; the right password goes with a database that is not there."""
    database = 99 if login == ":geheim@" else 0
    return f"unix://{login}{server.socket}?db={database}"


def run(folder: Path, *command: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    (folder / "jobs.py").write_text(_JOBS)
    paths = f"{_ROOT}{os.pathsep}{folder}"
    environ = {**os.environ, "PYTHONPATH": paths, "REDIS_URL": redis_url}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ("jobs.welcome.enqueue('Ada')", 12),
        ("jobs.welcome.enqueue_many([('Ada',), ('Bob',)])", 15),
        ("jobs.app.enqueue_to('low', 'Other')", 12),
        ("jobs.app.push('mail', {'class': 'jobs.welcome', 'args': ['Ada']})", 12),
        ("jobs.app.queues()", 15),
    ],
)
def test_a_script_shows_its_own_line_first(tmp_path: Path, line: str, most: int) -> None:
    """One traceback, which begins at the user's line and ends with one line that says where Redis was looked for."""
    done = run(tmp_path, "-c", f"import jobs\n{line}", redis_url=_NOBODY)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert "direct cause" not in done.stderr
    assert "During handling" not in done.stderr
    assert lines[1].endswith('"<string>", line 2, in <module>')
    assert re.fullmatch(r"resqd\.errors\.(NotSent|StoreUnavailable): .*localhost:1\b.*", lines[-1])
    assert len(lines) <= most, done.stderr


@pytest.mark.parametrize("arguments", [["queues"], ["enqueue", "jobs.welcome", '"Ada"'], ["failed", "list"]])
def test_a_command_says_it_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    """Without a traceback, and with 3."""
    done = run(tmp_path, "-m", "resqd", *arguments, redis_url=_NOBODY)
    assert done.returncode == 3
    assert re.fullmatch(r"resqd: .*Redis.*localhost:1\b.*\n", done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(("login", "remedy"), REFUSALS)
@pytest.mark.parametrize("arguments", [["queues"], ["enqueue", "jobs.welcome", '"Ada"']])
def test_a_refusal_names_its_remedy(
    tmp_path: Path, locked: Server, login: str, remedy: str, arguments: list[str]
) -> None:
    """Over redis-py and over our own connections alike; never with the password."""
    done = run(tmp_path, "-m", "resqd", *arguments, redis_url=url_of(locked, login))
    assert done.returncode == 3
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1
    assert "falsch" not in done.stderr
    assert "geheim" not in done.stderr


@pytest.mark.parametrize(("login", "remedy"), REFUSALS)
def test_the_daemon_calls_it_a_refusal(tmp_path: Path, locked: Server, login: str, remedy: str) -> None:
    """Once, as an error that names the remedy: neither an outage that passes nor the doorbell's own trouble."""
    (tmp_path / "jobs.py").write_text(_JOBS)
    environ = {"PYTHONPATH": f"{_ROOT}{os.pathsep}{tmp_path}", "REDIS_URL": url_of(locked, login)}
    with Daemon("--app", "jobs:app", "--kill-grace", "1", folder=tmp_path, environ=environ) as daemon:
        daemon.wait_for_line(re.escape(remedy))
        wait_for(lambda: daemon.titled("worker 0"))
        assert daemon.stop(seconds=15) == 0
        told = [line for line in daemon.output().splitlines() if remedy in line]
        assert len(told) == 1
        assert re.search(r" ERROR master .* that does not pass by itself", told[0])
        assert "until it is back" not in daemon.output()
        assert "doorbell" not in daemon.output()
        assert not re.search("falsch|geheim", daemon.output())
