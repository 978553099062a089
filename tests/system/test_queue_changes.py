"""resqd queues clear, move and remove against a real server."""

from __future__ import annotations

import json
import threading
import time
from typing import cast

import pytest
import redis
from click.testing import CliRunner, Result

from resqd.cli.resqd import main
from resqd.store.keys import Keys
from resqd.store.resque.queues import Queues
from tests.support.waiting import wait_for


class Cli:
    """Runs `resqd queues` on the test's database."""

    def __init__(self, redis_url: str) -> None:
        self._place = ["--redis-url", redis_url]

    def __call__(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(main, ["queues", *arguments, *self._place], input=answer)


@pytest.fixture
def cli(redis_url: str) -> Cli:
    return Cli(redis_url)


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    """The database with two queues: three jobs of mail, one of low."""
    redis_client.sadd("resque:queues", "mail", "low")
    redis_client.rpush("resque:queue:mail", "m1", "m2", "m3")
    redis_client.rpush("resque:queue:low", "l1")
    return redis_client


def jobs_of(client: redis.Redis, queue: str) -> list[bytes]:
    return cast("list[bytes]", client.lrange(f"resque:queue:{queue}", 0, -1))


def test_clear_empties_and_remove_forgets(cli: Cli, client: redis.Redis) -> None:
    """Cleared, the name stays in the set of queues; removed, it goes; the other queue keeps its job."""
    assert cli("clear", "mail", "--yes").output == "deleted 3 jobs of mail\n"
    assert jobs_of(client, "mail") == []
    assert client.smembers("resque:queues") == {b"mail", b"low"}
    assert cli("remove", "mail", "--yes").output == "removed mail with 0 jobs\n"
    assert client.smembers("resque:queues") == {b"low"}
    assert jobs_of(client, "low") == [b"l1"]


@pytest.mark.parametrize("target", ["low", "new"])
def test_move_keeps_the_order(cli: Cli, client: redis.Redis, target: str) -> None:
    """Behind what is there already; a queue that is not there comes to be."""
    before = jobs_of(client, target)
    assert cli("move", "mail", target, "--yes").output == f"moved 3 jobs of mail to {target}\n"
    assert jobs_of(client, target) == [*before, b"m1", b"m2", b"m3"]
    assert jobs_of(client, "mail") == []
    assert target.encode() in client.smembers("resque:queues")


@pytest.mark.parametrize("arguments", [["clear", "mail"], ["remove", "mail"], ["move", "mail", "low"]])
def test_nothing_changes_without_a_yes(cli: Cli, client: redis.Redis, arguments: list[str]) -> None:
    """The question says how many; no answer is a no; a `y` does it."""
    refused = cli(*arguments)
    assert refused.exit_code == 1
    assert "3 jobs" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert cli(*arguments, answer="n\n").exit_code == 1
    assert jobs_of(client, "mail") == [b"m1", b"m2", b"m3"]
    assert cli(*arguments, answer="y\n").exit_code == 0
    assert jobs_of(client, "mail") == []


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["clear", "mail"], {"ok": True, "cleared": 3, "queue": "mail"}),
        (["remove", "mail"], {"ok": True, "removed": 3, "queue": "mail"}),
        (["move", "mail", "low"], {"ok": True, "moved": 3, "queue": "mail", "to": "low"}),
    ],
)
@pytest.mark.usefixtures("client")
def test_scripts_get_json(cli: Cli, arguments: list[str], facts: dict[str, object]) -> None:
    """What was done, with numbers."""
    assert json.loads(cli(*arguments, "--yes", "--json").stdout) == facts


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["clear", "mial", "--yes"], 1, "there is no queue mial in "),
        (["move", "mial", "low", "--yes"], 1, "there is no queue mial in "),
        (["move", "mail", "mail", "--yes"], 2, "one and the same queue"),
        (["remove", " ", "--yes"], 2, "it is empty; give a name"),
        (["--json", "clear", "mail"], 2, "give the options after `clear`"),
    ],
)
def test_a_slip_changes_nothing(
    cli: Cli, client: redis.Redis, arguments: list[str], status: int, words: str
) -> None:
    """It is named, with the status of its kind."""
    done = cli(*arguments)
    assert (done.exit_code, words in done.stderr) == (status, True), done.output
    assert jobs_of(client, "mail") == [b"m1", b"m2", b"m3"]
    assert jobs_of(client, "low") == [b"l1"]


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_many_jobs_hold_nobody(redis_url: str, client: redis.Redis, count: int) -> None:
    """While they move to a queue that is not empty, another client never waits long, and none is lost or doubled."""
    client.delete("resque:queue:mail")
    for start in range(0, count, 50_000):
        client.rpush("resque:queue:mail", *range(start, start + 50_000))
    queues = Queues(client, Keys())
    done = threading.Event()
    waits: list[float] = []

    def look() -> None:
        with redis.Redis.from_url(redis_url) as other:
            while not done.is_set():
                began = time.perf_counter()
                other.llen("resque:queue:low")
                waits.append(time.perf_counter() - began)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        wait_for(lambda: len(waits) > 10)
        assert queues.move("mail", "low") == count
    finally:
        done.set()
        looker.join()
    assert sorted(waits)[len(waits) * 99 // 100] < 0.05
    first, *moved = jobs_of(client, "low")
    assert first == b"l1"
    assert moved == [b"%d" % number for number in range(count)]
    began = time.perf_counter()
    assert queues.clear("low") == count + 1
    assert time.perf_counter() - began < 0.5


def test_workers_may_take_jobs_meanwhile(client: redis.Redis) -> None:
    """What they pop from either queue during the move is gone once, and the move ends."""
    client.delete("resque:queue:mail")
    client.rpush("resque:queue:mail", *range(20_000))
    queues = Queues(client, Keys())
    taken: list[bytes] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            taken.extend(filter(None, (queues.pop("mail"), queues.pop("low"))))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        moved = queues.move("mail", "low")
    finally:
        done.set()
        worker.join()
    left = jobs_of(client, "mail") + jobs_of(client, "low")
    assert sorted(taken + left) == sorted([b"l1", *(b"%d" % number for number in range(20_000))])
    assert 0 < moved <= 20_000
