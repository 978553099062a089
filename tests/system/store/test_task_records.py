"""The record of a framework's task, from its enqueueing to the end of what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from resqd.store import debts
from resqd.store.debts import settle_call
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.protocol import Script
from resqd.store.redis.url import ConnectionConfig
from resqd.store.tasks import record
from resqd.store.tasks.record import TRIES, WAITING, Record, Tasks, debt_for
from tests.system.store.test_declared_keys import guarded

if TYPE_CHECKING:
    import redis

KEYS = Keys()
TASK = {"path": "a.b", "args": ["é", "\ud800"]}
OWED = (debt_for("id", 60),)


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for module in (debts, record):
        for name, value in list(vars(module).items()):
            if isinstance(value, Script):
                monkeypatch.setattr(module, name, guarded(value))


@pytest.fixture
def tasks(redis_url: str) -> Tasks:
    return Tasks(Links(ConnectionConfig.from_url(redis_url)), KEYS)


def seen(tasks: Tasks) -> Record:
    found, _ = tasks.look("id")
    assert found is not None
    return found


def test_a_record_tells_of_each_try(tasks: Tasks, link: Link, redis_client: redis.Redis) -> None:
    """Who ran it, when, and with what error; after its end it lasts for as long as it owes, and no longer."""
    tasks.add("id", TASK, seconds=60)
    assert seen(tasks) == Record(TASK)
    assert WAITING < redis_client.ttl(KEYS.task("id")) <= WAITING + 60
    tasks.begin("id", "one")
    assert seen(tasks).running
    tasks.failed("id", {"why": "first"})
    assert not seen(tasks).running
    told = tasks.begin("id", "two")
    assert told is not None
    assert (told.workers, told.errors, told.running) == (["one", "two"], [{"why": "first"}], True)
    assert told.started is not None
    assert told.tried is not None
    assert told.started <= told.tried
    link.run_script(settle_call("begun", [OWED], KEYS))
    assert seen(tasks).running
    link.run_script(settle_call("done", [OWED], KEYS))
    ended = seen(tasks)
    assert not ended.running
    assert ended.finished is not None
    assert ended.finished >= told.tried
    assert 0 < redis_client.ttl(KEYS.task("id")) <= 60
    link.run_script(settle_call("removed", [OWED], KEYS))
    assert seen(tasks).finished == ended.finished


def test_a_task_that_begins_again_has_not_ended(tasks: Tasks, link: Link, redis_client: redis.Redis) -> None:
    """One that was requeued from `failed`: what was told of its end is forgotten when it begins."""
    tasks.add("id", TASK, seconds=60)
    tasks.begin("id", "one")
    link.run_script(settle_call("failed", [OWED], KEYS))
    redis_client.set(KEYS.result("id"), b'{"state":"failed"}')
    assert tasks.look("id")[1] is not None
    begun = tasks.begin("id", "two")
    assert begun is not None
    assert (begun.finished, tasks.look("id")[1]) == (None, None)
    assert redis_client.ttl(KEYS.task("id")) > 60


def test_the_latest_tries_are_kept(tasks: Tasks, redis_client: redis.Redis) -> None:
    """A task that snoozes for ever fills nothing."""
    tasks.add("id", TASK, seconds=60)
    for number in range(TRIES + 20):
        tasks.begin("id", f"{number}")
        tasks.failed("id", {"number": number})
    found = seen(tasks)
    assert found.workers == [f"{number}" for number in range(20, TRIES + 20)]
    assert [error["number"] for error in found.errors] == [*range(20, TRIES + 20)]
    assert redis_client.hlen(KEYS.task("id")) < 2 * TRIES + 10


def test_what_is_no_record_stays_as_it_is(tasks: Tasks, link: Link, redis_client: redis.Redis) -> None:
    """No try makes one where there is none, or where the key is another's."""
    assert tasks.begin("id", "one") is None
    tasks.failed("id", {})
    link.run_script(settle_call("done", [OWED], KEYS))
    assert not redis_client.exists(KEYS.task("id"))
    redis_client.set(KEYS.task("id"), "mine")
    assert tasks.begin("id", "one") is None
    tasks.failed("id", {})
    assert tasks.look("id") == (None, None)
    link.run_script(settle_call("done", [OWED], KEYS))
    assert redis_client.get(KEYS.task("id")) == b"mine"
    redis_client.delete(KEYS.task("id"))
    redis_client.hset(KEYS.task("id"), mapping={"task": "[", "started": "x", "error:1": "{", "worker:x": "y"})
    assert tasks.look("id") == (None, None)
    redis_client.hset(KEYS.task("id"), "task", "{}")
    assert tasks.look("id")[0] == Record({})
    tasks.drop("id")
    assert not redis_client.exists(KEYS.task("id"))
