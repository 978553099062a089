"""The daemon as PID 1, as in a container: it reaps the processes that jobs leave behind."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest
import redis

from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
_APP = """
import os, resqd
app = resqd.App()

@app.job(queue="q", name="Litter")
def litter():
    "Leaves five background children, which end at once."
    for _ in range(5):
        if os.fork() == 0:
            if os.fork() != 0:
                os._exit(0)
            os._exit(0)
        os.wait()
"""


def _why_not() -> str | None:
    """Why there is no such namespace here."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    tried = subprocess.run([*_NAMESPACE, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no pid namespace can be made: {tried.stderr.strip()}"


@pytest.fixture
def master(tmp_path: Path, redis_url: str) -> Iterator[psutil.Process]:
    """A daemon that is PID 1 of a namespace of its own, as it looks from here."""
    if reason := _why_not():
        pytest.skip(reason)
    (tmp_path / "litter.py").write_text(_APP)
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_ROOT), str(tmp_path)]),
        "REDIS_URL": redis_url,
    }
    flags = ["--app", "litter:app", "--queues", "q", "--jobs-per-fork", "0", "--workers", "2"]
    with (tmp_path / "daemon.log").open("wb") as log:
        command = [*_NAMESPACE, sys.executable, "-m", "resqd", "start", *flags]
        process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        [inner] = wait_for(lambda: psutil.Process(process.pid).children(), what="the daemon is there")
        yield inner
    finally:
        process.terminate()
        for one in psutil.Process(process.pid).children():
            one.kill()
        process.wait(10)


def _is_zombie(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):  # just reaped
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return False


def test_it_leaves_no_zombies(master: psutil.Process, redis_client: redis.Redis) -> None:
    """Ten jobs that leave five processes each: all run, and soon none but the daemon's own is its child."""
    redis_client.sadd("resque:queues", "q")
    redis_client.rpush("resque:queue:q", *[b'{"class":"Litter","args":[]}'] * 10)
    wait_for(lambda: int(cast("bytes | None", redis_client.get("resque:stat:processed")) or 0) == 10, 20)
    zombies: list[psutil.Process] = []

    def none_left() -> bool:
        zombies[:] = [one for one in master.children() if _is_zombie(one)]
        return not zombies

    wait_for(none_left, 10, what="no zombies")
    assert len(master.children()) == 3
