"""What the tests of the real Ruby programs share; how they come by the programs stands in `programs.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.system.compat.programs import FORK, STOCK, Program, Ruby, find

JOBS = """
import json, os, time
import redis, resqd

app = resqd.App()
connected = redis.Redis.from_url(os.environ["REDIS_URL"])

@app.job(queue="mail", name="Archive")
def archive(*args):
    connected.rpush("ran", json.dumps(args))

@app.job(queue="mail", name="Files::Fail")
def fail(*args):
    connected.rpush("ran", json.dumps(args))
    if not connected.exists("go"):
        raise ValueError("disk <full> \\udcff")

@app.job(queue="mail", name="Hold")
def hold(*args):
    while not connected.exists("go"):
        time.sleep(0.01)
"""


@pytest.fixture(params=[FORK, STOCK])
def program(request: pytest.FixtureRequest) -> Program:
    """Each of the two in turn; a test of one alone says `@pytest.mark.parametrize("program", [...], indirect=True)`."""
    return find(request.param, "resque")


@pytest.fixture
def ruby(program: Program, redis_url: str, tmp_path: Path) -> Ruby:
    return Ruby(program, redis_url, tmp_path)


@pytest.fixture
def daemon(program: Program, redis_url: str, tmp_path: Path) -> Iterator[Daemon]:
    """A resqd beside the program: two workers of two threads on the queue `mail`."""
    del program  # asked for so that nothing is started where it is missing
    (tmp_path / "ruby_jobs.py").write_text(JOBS)
    flags = ["--app", "ruby_jobs:app", "--queues", "mail,a:b", "--workers", "2", "--threads", "2"]
    flags += ["--jobs-per-fork", "100", "--redis-url", redis_url, "--heartbeat-interval", "0.5"]
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    with Daemon(*flags, folder=tmp_path, environ={"PYTHONPATH": paths}) as running:
        yield running
        running.stop()
