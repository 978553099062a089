"""What waits on one shard goes to another, each thing once, whenever it is stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from resqd.errors import StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.later.later import When
from resqd.store.redis.protocol import Script
from resqd.store.resque.store import Store
from resqd.store.shards import identity, moving
from resqd.store.shards.moving import Mover
from resqd.store.shards.store import ShardedStore, open_store
from tests.support.server import Server
from tests.system.store.test_declared_keys import guarded

DATABASES = (60, 61, 62)


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for name, value in list(vars(moving).items()):
        if isinstance(value, Script):
            monkeypatch.setattr(moving, name, guarded(value))


@pytest.fixture
def store(valkey_server: Server) -> Iterator[ShardedStore]:
    """Three shards, empty."""
    urls = [valkey_server.url(number) for number in DATABASES]
    for url in urls:
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    store = open_store(urls, namespace="resque")
    assert isinstance(store, ShardedStore)
    yield store
    store.close()


def payload(number: int, marks: bytes = b"") -> bytes:
    return b'{%b"class":"mark","args":[%d],"id":"%d"}' % (marks, number, number)


def fill(store: Store, jobs: int) -> None:
    """Jobs that wait, are to run later, and have failed."""
    store.push("q", [payload(number) for number in range(jobs)])
    store.put_later("q", [(str(number), payload(number)) for number in range(jobs, 2 * jobs)], When.at(4e9))
    with redis.Redis.from_url(url_of(store)) as client:
        client.rpush("resque:failed", *[b"record %d" % number for number in range(jobs)])


def url_of(store: Store) -> str:
    return f"unix://{store.config.path}?db={store.config.db}"


def there(store: Store) -> Counter[Any]:
    """All that waits on a shard."""
    found: Counter[Any] = Counter(store.books.queues.peek("q", 0, 10_000))
    found.update(each.raw for each in store.on_later(lambda later: list(later.all())))
    with redis.Redis.from_url(url_of(store)) as client:
        found.update(client.lrange("resque:failed", 0, -1))
    return found


def test_everything_goes_in_order(store: ShardedStore) -> None:
    """More than one step of it; what is due keeps its moment."""
    home, source, target = store.every
    fill(source, 450)
    before = there(source)
    assert Mover(source, target, home, source_id="s").run() == 3 * 450
    assert there(source) == Counter()
    assert there(target) == before
    assert target.books.queues.peek("q", 0, 450) == [payload(number) for number in range(450)]
    assert target.books.queues.names() == ["q"]
    assert {each.due for each in target.on_later(lambda later: later.page(0, 1))} == {4e9}


def test_a_job_with_a_key_goes_home(store: ShardedStore) -> None:
    """Its lock or its batch is there, and nowhere else."""
    home, source, target = store.every
    keyed = payload(1, b'"resqd":{"owes":{"unique":"mark 1 1"}},')
    source.push("q", [keyed, payload(2)])
    Mover(source, target, home, source_id="s").run()
    assert home.books.queues.peek("q", 0, 10) == [keyed]
    assert target.books.queues.peek("q", 0, 10) == [payload(2)]


class Flaky(Mover):
    """Is stopped before its n-th call, or after it."""

    calls = 0
    stop_at = 0
    after = False

    def _run(self, store: Store, call: Any) -> int:  # type: ignore[override] # a method here, to count
        Flaky.calls += 1
        if Flaky.calls == Flaky.stop_at and not Flaky.after:
            raise StoreUnavailable("stopped before")
        done = Mover._run(store, call)
        if Flaky.calls == Flaky.stop_at:
            raise StoreUnavailable("stopped after")
        return done


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stop_at", range(1, 9))
def test_stopped_anywhere_it_goes_on(store: ShardedStore, stop_at: int, after: bool) -> None:
    """An answer that was lost moves nothing twice, and what was put aside is not forgotten."""
    home, source, target = store.every
    fill(source, 210)
    before = there(source)
    Flaky.calls, Flaky.stop_at, Flaky.after = 0, stop_at, after
    with pytest.raises(StoreUnavailable):
        Flaky(source, target, home, source_id="s").run()
    Mover(source, target, home, source_id="s").run()
    assert there(source) == Counter()
    assert there(target) == before


def test_a_shard_keeps_its_id_and_its_home(store: ShardedStore) -> None:
    """A program that is told another order of shards finds out."""
    home, other, third = store.every
    own = home.on_link(lambda link, keys: identity.introduce(link, keys, None))
    assert own.home == own.id
    known = other.on_link(lambda link, keys: identity.introduce(link, keys, own.id))
    again = other.on_link(lambda link, keys: identity.introduce(link, keys, "another"))
    assert replace(again, daemons=0) == replace(known, daemons=0)
    assert not again.strange(own.id)
    assert again.strange("another")
    assert not third.on_link(identity.look).strange(own.id)


def test_a_closed_shard_gets_no_plain_jobs(store: ShardedStore) -> None:
    """Whoever has not heard of it yet asks before its push."""
    home, other, third = store.every
    other.on_link(lambda link, keys: identity.close(link, keys, "by me"))
    for number in range(40):
        store.push("q", [payload(number)])
    assert [each.books.queues.size("q") for each in (home, other, third)] == [20, 0, 20]


def test_the_home_shard_takes_jobs_though_it_is_closed(store: ShardedStore) -> None:
    for each in store.every:
        each.on_link(lambda link, keys: identity.close(link, keys, "by me"))
    store.push("q", [payload(1)])
    assert store.home.books.queues.size("q") == 1


def test_keys_of_shards_lie_below_the_namespace() -> None:
    keys = Keys("ns")
    assert {keys.shard, keys.shard_moving, keys.shard_moved("x")} == {
        "ns:resqd:shard",
        "ns:resqd:shard:moving",
        "ns:resqd:shard:moved:x",
    }
