"""`resqd later`, as people and scripts use it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import redis

from resqd.store.later.later import When
from resqd.store.resque.store import Store

Resqd = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def resqd(redis_url: str) -> Resqd:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "resqd", *words, "--redis-url", redis_url]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    return run


def test_a_job_is_listed_moved_run_and_cancelled(
    resqd: Resqd, redis_url: str, redis_client: redis.Redis
) -> None:
    """Each by its ticket, or all of a class; what is not there is said, with status 1."""
    store = Store.of(url=redis_url, namespace="resque")
    assert "nothing is to run later" in resqd("later", "list").stdout
    for number in range(4):
        raw = b'{"class":"%s","args":[%d],"id":"i%d"}' % (b"A" if number else b"B", number, number)
        store.schedule.put("mail", [(f"i{number}", raw)], When.after(600 + number))
    [first, *_] = listed = json.loads(resqd("later", "list", "--json").stdout)
    assert [job["ticket"] for job in listed] == ["i0", "i1", "i2", "i3"]
    assert (first["class"], first["args"], first["queue"]) == ("B", [0], "mail")
    assert re.search(r"\b(9m|10m 00s)", resqd("later", "list", "--class", "A", "--count", "1").stdout)
    assert '"class": "B"' in resqd("later", "show", "i0", "--json").stdout

    assert resqd("later", "move", "i0", "--in", "2h").returncode == 0
    assert json.loads(resqd("later", "list", "--json").stdout)[-1]["ticket"] == "i0"
    assert resqd("later", "move", "i0", "--at", "2030-01-31T12:00").returncode == 2
    assert resqd("later", "move", "i0", "--at", "2030-01-31T12:00+01:00").returncode == 0
    assert "2030-01-31T11:00:00" in resqd("later", "show", "i0").stdout

    assert resqd("later", "run", "i1").returncode == 0
    assert redis_client.llen("resque:queue:mail") == 1
    gone = resqd("later", "cancel", "i1")
    assert (gone.returncode, "not to run later" in gone.stderr) == (1, True)
    unasked = resqd("later", "cancel", "--class", "A")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert json.loads(resqd("later", "cancel", "--class", "A", "--yes", "--json").stdout) == {"done": 2}
    assert [job["ticket"] for job in json.loads(resqd("later", "list", "--json").stdout)] == ["i0"]
    assert json.loads(resqd("info", "--json").stdout)["later"] == 1
    assert resqd("later", "cancel").returncode == 2
    store.close()
