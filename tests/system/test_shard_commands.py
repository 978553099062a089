"""`resqd shards`, and what the other commands show of several shards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from resqd import App
from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.server import Server


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Server]]:
    """Two of them, which the environment names."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as home, Server(binary) as other:
        monkeypatch.setenv("REDIS_SHARDS", f"{home.url()} {other.url()}")
        yield [home, other]
        for server in (home, other):
            os.kill(server.pid, signal.SIGCONT)


def resqd(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command says."""
    command = [sys.executable, "-m", "resqd", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(resqd("shards", "list", "--json").stdout)
    return found


def test_commands_show_all_shards_as_one(servers: list[Server]) -> None:
    """Queues, jobs for later and failures; of one that is away nothing is shown, and a line says so."""
    app = App()
    for number in range(6):
        app.push("q", {"class": "x", "args": [number]})
    for server in servers:
        with redis.Redis.from_url(server.url()) as client:
            assert client.llen("resque:queue:q") == 3
            client.rpush("resque:failed", json.dumps({"payload": {"class": "x", "args": []}, "queue": "q"}))
            client.incrby("resque:stat:processed", 5)
    info = json.loads(resqd("info", "--json").stdout)
    assert {name: info[name] for name in ("pending", "processed", "queues", "failures_kept")} == {
        "pending": 6,
        "processed": 10,
        "queues": 1,
        "failures_kept": 2,
    }
    assert resqd("failed", "requeue", "--all", "-y").stdout == "requeued 2\n"
    assert [queue["size"] for queue in json.loads(resqd("queues", "--json").stdout)] == [8]
    os.kill(servers[1].pid, signal.SIGSTOP)
    shown = resqd("queues", "--json")
    assert [queue["size"] for queue in json.loads(shown.stdout)] == [4]
    assert "does not answer: what it holds is not among this" in shown.stderr
    assert [shard["state"] for shard in listed()] == ["home", "away"]
    refused = resqd("queues", "remove", "q", "-y")
    assert refused.returncode == 3
    assert "does not answer" in refused.stderr
    os.kill(servers[1].pid, signal.SIGCONT)
    app.close()


def test_a_shard_is_drained_emptied_and_opened_again(servers: list[Server], tmp_path: Path) -> None:
    """Plain jobs run on while one is drained; what is to run later there is moved, and the home shard stays."""
    (tmp_path / "plain_jobs.py").write_text(
        "import resqd\napp = resqd.App(name='x')\n\n\n@app.job(name='mark', queue='q')\ndef mark(n):\n    pass\n"
    )
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    daemon = Daemon(
        "--app", "plain_jobs:app", "--jobs-per-fork", "0", folder=tmp_path, environ={"PYTHONPATH": path}
    )
    app = App()
    for number in range(4):
        app.push("q", {"class": "mark", "args": [number]})
    for number in range(4):
        app.job(name=f"later{number}", queue="q")(later).enqueue_in(3600, number)
    daemon.start()
    try:
        drained = resqd("shards", "drain", "1")
        assert drained.returncode == 1
        assert "2 for later are there: resqd shards move 1 OTHER" in drained.stderr
        assert resqd("shards", "move", "1", "0", "-y").stdout == "moved 2\n"
        assert resqd("shards", "drain", "1").stdout.endswith("is empty: take it out of REDIS_SHARDS\n")
        assert "cannot be drained" in resqd("shards", "drain", "0").stderr
        home, other = listed()
        assert (home["later"], other["later"]) == (4, 0)
        assert other["state"].startswith("closed (by ")
        assert (home["daemons"], other["daemons"]) == (1, 1)
        assert "open" in resqd("shards", "add", servers[1].url()).stdout
        assert [shard["state"] for shard in listed()] == ["home", "open"]
    finally:
        app.close()
        daemon.stop()


def test_a_server_is_prepared_as_one_more_shard(servers: list[Server]) -> None:
    """It says what to set; a shard of another home is refused."""
    third = f"{servers[1].url(5)}"
    said = resqd("shards", "add", third)
    assert f'REDIS_SHARDS="{servers[0].url()} {servers[1].url()} {third}"' in said.stdout
    stranger = f"{servers[1].url(6)}"
    with redis.Redis.from_url(stranger) as client:
        client.hset("resque:resqd:shard", mapping={"id": "a", "home": "another"})
    refused = resqd("shards", "add", stranger)
    assert refused.returncode == 1
    assert "is a shard already" in refused.stderr


def later(number: int) -> None:
    """Stands for a job."""
