"""A user of Redis with the manual's rights, and with each of them taken away."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import resqd
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.rights import lacking
from resqd.store.redis.url import ConnectionConfig
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

JOBS = """
import resqd

app = resqd.App()


@app.job(queue="q")
def fine():
    pass


@app.job(queue="q")
def broken():
    raise ValueError


@app.job(queue="q", retry=resqd.Retry(1, first=0.1))
def again():
    raise ValueError


if __name__ == "__main__":
    fine.enqueue()
    fine.enqueue_in(0.1)
    broken.enqueue()
    again.enqueue()
"""


def rights() -> list[str]:
    """The words of the manual's line, after the user's name and password."""
    manual = (Path(resqd.__file__).parent / "manual/operating.md").read_text()
    line = re.search(r"ACL SETUSER resqd on >PASSWORD (.*?)\n\n", manual, re.DOTALL)
    assert line is not None
    return line[1].split()


@pytest.fixture
def user(redis_client: redis.Redis, redis_url: str) -> Iterator[str]:
    """The URL for a user with the manual's rights."""
    redis_client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", *rights())
    redis_client.execute_command("ACL", "LOG", "RESET")
    yield f"{redis_url}&username=limited&password=secret"
    redis_client.execute_command("ACL", "DELUSER", "limited")


def test_a_daemon_can_do_everything(user: str, redis_client: redis.Redis, tmp_path: Path) -> None:
    """Jobs that succeed, fail and are retried; the server has refused nothing."""
    (tmp_path / "limited_jobs.py").write_text(JOBS)
    environ = {
        "REDIS_URL": user,
        "QUEUES": "q",
        "RESQD_APP": "limited_jobs:app",
        "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}",
    }
    program = [sys.executable, "limited_jobs.py"]
    subprocess.run(program, check=True, cwd=tmp_path, env=os.environ | environ, timeout=20)
    daemon = Daemon(folder=tmp_path, environ=environ, cwd=tmp_path).start()
    wait_for(lambda: int(redis_client.get("resque:stat:processed") or 0) >= 4, 20, what="the jobs end")
    assert daemon.stop() == 0
    refused = [entry for entry in redis_client.acl_log() if entry["username"] == "limited"]
    assert refused == []
    assert "does not let" not in daemon.output()


def test_each_right_that_is_missing_is_named(user: str, redis_client: redis.Redis) -> None:
    """With its command, by the look that a daemon takes at its start."""
    link = Link(ConnectionConfig.from_url(user))
    assert lacking(link, Keys()) == []
    own = {
        "multi",
        "exec",
        "hello",
        "auth",
        "select",
        "ping",
        "role",
        "evalsha",
        "info",
        "ttl",
    }  # say it themselves
    for right in rights():
        name = right.removeprefix("+")
        if name == right or "|" in name or name in own:
            continue
        redis_client.execute_command("ACL", "SETUSER", "limited", f"-{name}")
        assert lacking(link, Keys()) == [name]
        redis_client.execute_command("ACL", "SETUSER", "limited", f"+{name}")
    assert redis_client.keys("*rights*") == []
    link.close()
