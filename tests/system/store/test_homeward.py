"""A job under a limit that was put on another shard goes home once, whoever is stopped on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest
import redis

from resqd.errors import Fenced, StoreError, StoreUnavailable
from resqd.store.gates.calls import Gate
from resqd.store.inflight import calls
from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.redis.url import ConnectionConfig
from resqd.store.shards import homeward
from resqd.store.shards.homeward import Homeward, came
from tests.support.server import Server
from tests.system.store.conftest import incarnation
from tests.system.store.test_declared_keys import guarded

KEYS = Keys()
WANT = Want(10, (("q", 0),))


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for module in (homeward, calls):
        for name, value in list(vars(module).items()):
            if isinstance(value, Script):
                monkeypatch.setattr(module, name, guarded(value))


class Shards:
    """Home, another shard, and a worker of that one."""

    def __init__(self, server: Server) -> None:
        self.urls = [server.url(58), server.url(59)]
        self.home, self.other = (redis.Redis.from_url(url) for url in self.urls)
        self.home.flushdb()
        self.other.flushdb()
        self.own = replace(incarnation(1), homeward=True)
        self.link = self.connect(1)
        self.homeward = Homeward(
            connect=lambda: self.connect(0),
            keys=KEYS,
            incarnation=self.own,
            gating=lambda raw: ("t", (Gate("few", "c 1"),) if b"few" in raw else (), raw),
        )
        self.inflight = Inflight(
            link=self.link, keys=KEYS, incarnation=self.own, worker_id="w", homeward=self.homeward
        )
        self.other.rpush("resque:queue:q", b"few 1", b"plain", b"few 2")
        self.other.sadd("resque:queues", "q")

    def connect(self, shard: int) -> Link:
        return Link(ConnectionConfig.from_url(self.urls[shard]))

    def reserve(self) -> list[bytes]:
        return [raw for _, _, raw in self.inflight.exchange(Outbox(), WANT).batch]

    def at_home(self) -> list[bytes]:
        return cast("list[bytes]", self.home.lrange("resque:queue:q", 0, -1))

    def recover(self) -> None:
        """As an inquest does."""
        recovery = Recovery(link=self.connect(1), keys=KEYS)
        recovery.drop(self.own, came(lambda: self.connect(0), KEYS, self.own))
        recovery.recover(self.own, {})


@pytest.fixture
def shards(valkey_server: Server) -> Iterator[Shards]:
    shards = Shards(valkey_server)
    yield shards
    shards.home.close()
    shards.other.close()


def test_those_under_limits_go_home_and_the_others_stay(shards: Shards) -> None:
    assert shards.reserve() == [b"plain"]
    assert shards.at_home() == [b"few 1", b"few 2"]
    assert shards.home.smembers("resque:queues") == {b"q"}
    assert len(shards.inflight.look() or ()) == 1
    shards.recover()
    assert shards.other.lrange("resque:queue:q", 0, -1) == [b"plain"]
    assert len(shards.at_home()) == 2


@pytest.mark.parametrize("lost", ["the answer from home", "the drop"])
def test_a_lost_answer_sends_nothing_twice(
    shards: Shards, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """The same batch comes again, or what is left of it, and after that another."""
    real = Homeward.__call__ if lost == "the answer from home" else Link.run_script
    broken = True

    def sent(own: object, *arguments: object) -> object:
        nonlocal broken
        answer = real(own, *arguments)  # type: ignore[arg-type] # either of both
        if broken and getattr(own, "_address", "") != ConnectionConfig.from_url(shards.urls[0]).describe():
            broken = False
            raise StoreUnavailable("lost")
        return answer

    target = Homeward if lost == "the answer from home" else Link
    monkeypatch.setattr(target, "__call__" if target is Homeward else "run_script", sent)
    with pytest.raises(StoreUnavailable):
        shards.reserve()
    assert shards.reserve() == [b"plain"]
    assert shards.at_home() == [b"few 1", b"few 2"]
    shards.other.rpush("resque:queue:q", b"few 3", b"plain 2")
    assert shards.reserve() == [b"plain 2"]
    assert shards.at_home() == [b"few 1", b"few 2", b"few 3"]


def test_a_batch_of_which_nothing_is_left_is_the_last_of_its_number(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next request would ask for it again, for ever."""
    shards.other.lrem("resque:queue:q", 0, "plain")
    drop = shards.inflight.departures.drop
    monkeypatch.setattr(shards.inflight.departures, "drop", lambda tokens: [drop(tokens), 1 / 0])
    with pytest.raises(ZeroDivisionError):
        shards.reserve()
    monkeypatch.undo()
    shards.other.rpush("resque:queue:q", b"plain")
    assert shards.reserve() == []
    assert shards.reserve() == [b"plain"]
    assert shards.at_home() == [b"few 1", b"few 2"]


def test_who_dies_between_the_two_shards_leaves_each_job_on_one(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery asks home what has come, and lets nothing more come."""
    monkeypatch.setattr(shards.inflight.departures, "drop", lambda _tokens: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        shards.reserve()
    assert len(shards.at_home()) == 2
    shards.recover()
    assert shards.other.lrange("resque:queue:q", 0, -1) == [b"plain"]
    assert shards.at_home() == [b"few 1", b"few 2"]


def test_whoever_was_recovered_sends_nothing_any_more(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stood still between its reservation and its sending finds out."""
    real = Homeward.__call__

    def late(own: Homeward, batch: list[tuple[int, str, bytes]]) -> list[int]:
        shards.recover()
        return real(own, batch)

    monkeypatch.setattr(Homeward, "__call__", late)
    with pytest.raises(Fenced):
        shards.reserve()
    assert shards.at_home() == []
    assert shards.other.lrange("resque:queue:q", 0, -1) == [b"few 1", b"plain", b"few 2"]


def test_a_home_that_is_away_does_not_look_as_if_the_other_shard_were(shards: Shards) -> None:
    def away() -> Link:
        return Link(ConnectionConfig.from_url("redis://127.0.0.1:1"))

    with pytest.raises(StoreError) as raised:
        came(away, KEYS, shards.own)
    assert not isinstance(raised.value, StoreUnavailable)
