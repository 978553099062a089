"""Encrypted arguments and results through a real daemon: nothing of them stands in Redis, in pages or in commands."""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import secret_jobs
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in range(2))
SECRET = secret_jobs.SECRET


@pytest.fixture
def jobs(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The producer's side, with the new key."""
    monkeypatch.setenv("KEYS", NEW)
    monkeypatch.setenv("REDIS_URL", redis_url)
    module = importlib.reload(secret_jobs)
    yield module
    module.app.close()


def daemon(folder: Path, keys: str, *flags: str) -> Daemon:
    places = (
        "--app",
        "tests.support.secret_jobs:app",
        "--queues",
        "q",
        "--threads",
        "2",
        "--jobs-per-fork",
        "0",
    )
    return Daemon(*places, *flags, folder=folder, environ={"KEYS": keys})


def everything(client: redis.Redis) -> bytes:
    """All that stands in Redis, names of keys too."""
    found: list[Any] = []
    reads: dict[Any, Callable[[Any], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    for key in client.keys("*"):
        found += [key, reads[client.type(key)](key)]
    return repr(found).encode()


def resqd(redis_url: str, *words: str) -> str:
    command = [sys.executable, "-m", "resqd", *words, "--redis-url", redis_url]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return done.stdout


def test_nothing_of_them_is_in_clear(
    jobs: Any, tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """While they wait, run, fail and are told apart by locks and limits; each job and hook gets them as given."""
    paid = jobs.pay.enqueue(SECRET, amount=7)
    assert jobs.pay.enqueue(SECRET, amount=7) is None, "unique"
    jobs.pay.enqueue_in(0.05, SECRET, 8)
    apart = jobs.alone.enqueue(SECRET)
    failed = jobs.fail.enqueue(SECRET)
    with jobs.app.batch(on_done=jobs.collect.s({"card": SECRET}, [], SECRET)):
        jobs.give.enqueue(SECRET)
    with jobs.app.workflow() as flow:
        first = flow.add(jobs.give.s(SECRET))
        rest = flow.group(jobs.give.s(SECRET), jobs.give.s("other"))
        flow.add(jobs.collect.s(first.result, [node.result for node in rest], SECRET))
        flow.chain(jobs.card.s(SECRET), jobs.note.s(jobs.resqd.RESULT))
    assert SECRET.encode() not in everything(redis_client)
    assert "encrypted" in resqd(redis_url, "peek", "q")
    with daemon(tmp_path, f"{NEW},{OLD}") as running:
        for line in (
            "checked CARD 7",
            "paid CARD 7 as CARD",
            "paid CARD 8 as CARD",
            "failed 19 CARD",
            r"collected CARD \[\] CARD",
            r"collected CARD \[True, False\] CARD",
            "noted CARD",
            "alone CARD as CARD",
        ):
            running.wait_for_line(f"^{line}$", 20)
        assert jobs.app.result(paid).wait(10) == {"card": SECRET}
        assert jobs.app.result(apart).wait(10) == [SECRET]
        wait_for(lambda: redis_client.llen("resque:failed") == 1, what="the failure's record")
        assert SECRET.encode() not in everything(redis_client)
        assert running.stop() == 0
    shown = resqd(redis_url, "failed", "show", str(failed))
    assert ('["encrypted"]' in shown, SECRET in shown) == (True, False)
    assert json.loads(resqd(redis_url, "failed", "list", "--json"))[0]["args"] == ["encrypted"]


def test_a_key_that_is_missing_fails_the_job_and_loses_nothing(
    jobs: Any, tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """With a sentence that names it, at the first try; a daemon that has it runs the job when it is requeued."""
    job_id, clear = jobs.fail.enqueue(SECRET), jobs.open_job.enqueue("readable")
    other = jobs.pay.enqueue(SECRET)
    raw = redis_client.lrange("resque:queue:q", 0, -1)
    for keys, sentence in ((OLD, "they need the key"), ("", "this App has no keys")):
        with daemon(tmp_path, keys) as wrong:
            wait_for(lambda: redis_client.llen("resque:failed") == 2, 20, what="both have failed")
            wrong.wait_for_line("^open readable$")
            assert wrong.stop() == 0
        records = [json.loads(record) for record in redis_client.lrange("resque:failed", 0, -1)]
        assert all(sentence in record["error"] for record in records)
        assert [record["exception"] for record in records] == ["Undecipherable"] * 2
        kept = sorted((record["payload"] for record in records), key=lambda job: str(job["class"]))
        assert [job["args"] for job in kept] == [json.loads(one)["args"] for one in (raw[0], raw[2])]
        resqd(redis_url, "failed", "requeue", "--all", "--yes")
    with daemon(tmp_path, f"{NEW},{OLD}") as right:
        right.wait_for_line("^paid CARD 1 as CARD$", 20)
        right.wait_for_line("^failed 19 CARD$", 20)
        assert right.stop() == 0
    assert jobs.app.result(other).value == {"card": SECRET}
    assert None not in {job_id, clear}


def test_what_ruby_requeues_is_still_known_as_encrypted(
    jobs: Any, tmp_path: Path, redis_client: redis.Redis
) -> None:
    """It makes a new payload of class and arguments, and leaves out what it does not know."""
    jobs.pay.enqueue(SECRET, 3)
    raw = redis_client.lpop("resque:queue:q")
    assert isinstance(raw, bytes)
    theirs = {name: json.loads(raw)[name] for name in ("class", "args")}
    redis_client.rpush("resque:queue:q", json.dumps(theirs))
    with daemon(tmp_path, NEW) as running:
        running.wait_for_line("^paid CARD 3 as CARD$", 20)
        assert running.stop() == 0


def test_what_waits_is_found_by_its_arguments(jobs: Any, redis_client: redis.Redis) -> None:
    """Though no two payloads are alike; tests see arguments as jobs get them."""
    jobs.fail.enqueue(SECRET)
    jobs.fail.enqueue("other")
    assert jobs.app.dequeue(jobs.fail, SECRET) == 1
    assert redis_client.llen("resque:queue:q") == 1
    with jobs.resqd.testing.fake(jobs.app) as sent:
        jobs.pay.enqueue(SECRET, 2)
        assert sent.args_of(jobs.pay) == [[SECRET, 2]]
        assert sent.drain() == 1
