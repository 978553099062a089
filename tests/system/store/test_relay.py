"""Jobs out of an outbox, on a real server: each once, whoever hands it over, and however often."""

from __future__ import annotations

import json
import random
import threading
from typing import TYPE_CHECKING

import pytest

from resqd.store.keys import Keys
from resqd.store.later.later import Later
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from resqd.store.relay import relay as relaying
from resqd.store.relay.relay import Outcome, Relay, Row
from resqd.store.unique.locks import Locks, Terms
from tests.support.redis_clock import RedisClock
from tests.system.store.test_declared_keys import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from resqd.store.redis.link import Link

HOUR = 3600.0
SKIP = Terms("skip", 0, 86_400_000_000)


@pytest.fixture
def links(redis_url: str) -> Iterator[Links]:
    links = Links(ConnectionConfig.from_url(redis_url))
    yield links
    links.close()


@pytest.fixture
def relay(links: Links, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """Its script fails where it touches a key that is not declared."""
    monkeypatch.setattr(relaying, "RELAY", guarded(relaying.RELAY))
    return Relay(links, keys)


def plain(number: int, queue: str = "mail", **more: object) -> Row:
    raw = b'{"class":"Mail","args":[%d]}' % number
    return Row(key=f"key {number}", queue=queue, raw=raw, **more)  # type: ignore[arg-type] # of the named fields


def numbers(client: redis.Redis, queue: str = "mail") -> list[int]:
    return [json.loads(raw)["args"][0] for raw in client.lrange(f"resque:queue:{queue}", 0, -1)]


def test_what_is_handed_over_again_is_not_put_again(relay: Relay, redis_client: redis.Redis) -> None:
    """In one call or in several; the order is that of the rows, and the queues' names are known."""
    rows = [plain(1), plain(2), plain(2), plain(3, "low"), plain(4, front=True)]
    assert relay.put(rows) == [Outcome.PUT, Outcome.PUT, Outcome.SEEN, Outcome.PUT, Outcome.PUT]
    assert relay.put([*rows, plain(5)]) == [Outcome.SEEN] * 5 + [Outcome.PUT]
    assert (numbers(redis_client), numbers(redis_client, "low")) == ([4, 1, 2, 5], [3])
    assert redis_client.smembers("resque:queues") == {b"mail", b"low"}


def test_jobs_for_later_and_results(relay: Relay, link: Link, keys: Keys, redis_client: redis.Redis) -> None:
    """They wait under their own ids, once; that some have results is noted for who removes queues."""
    row = Row(
        key="k", queue="mail", raw=b'{"resqd":{"owes":{"kept":"60 i"}},"class":"A"}', due=10**15, ticket="i"
    )
    relay.put([row])
    relay.put([row])
    assert Later(link, keys).count() == 1
    assert redis_client.hkeys("resque:resqd:later:jobs") == [b"i"]
    assert redis_client.exists("resque:resqd:results")


def test_a_row_is_known_for_a_day_and_not_for_ever(
    relay: Relay, keys: Keys, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever in the day it was put; what remembers it goes by itself."""
    clock = RedisClock(redis_client, monkeypatch, relaying)
    begin = 4_000 * HOUR
    for number in range(8):
        clock.now = begin + number * 1.3 * HOUR
        row = plain(number)
        assert relay.put([row]) == [Outcome.PUT]
        remembered = [redis_client.ttl(key) for key in keys.relayed if redis_client.exists(key)]
        assert min(remembered) > 0
        assert 24 * HOUR < max(remembered) <= 28 * HOUR
        clock.now += 23.9 * HOUR
        assert relay.put([row]) == [Outcome.SEEN]


def test_a_queue_whose_key_is_no_list_refuses_its_rows_alone(relay: Relay, redis_client: redis.Redis) -> None:
    """They are put when it has been repaired, and once."""
    redis_client.set("resque:queue:bad", "x")
    rows = [plain(1, "bad"), plain(2), plain(3, "bad")]
    assert relay.put(rows) == [Outcome.REFUSED, Outcome.PUT, Outcome.REFUSED]
    redis_client.delete("resque:queue:bad")
    assert relay.put(rows) == [Outcome.PUT, Outcome.SEEN, Outcome.PUT]
    assert (numbers(redis_client, "bad"), numbers(redis_client)) == ([1, 3], [2])


def test_a_unique_job_gets_its_lock_or_is_left_out(
    relay: Relay, links: Links, keys: Keys, redis_client: redis.Redis
) -> None:
    """Once decided it stays so: the row is not put later, when the lock is free, nor again when its job has ended."""
    rows = [plain(n, ticket=f"t{n}", fingerprint="f", terms=SKIP) for n in (1, 2)]
    assert relay.put(rows) == [Outcome.PUT, Outcome.LEFT_OUT]
    [lock] = Locks(links, keys).all()
    assert lock.ticket == "t1"
    redis_client.delete("resque:resqd:unique", "resque:queue:mail")
    assert relay.put(rows) == [Outcome.SEEN, Outcome.SEEN]
    assert numbers(redis_client) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_unique_job_may_replace_one_that_waits(
    relay: Relay, links: Links, link: Link, redis_client: redis.Redis, *, late: bool
) -> None:
    """By the rules of any enqueueing; in a window it comes once."""
    keys, terms = Keys(), Terms("replace", 0, 86_400_000_000)
    first = plain(1, due=10**15, ticket="t1", fingerprint="f", terms=terms)
    second = plain(2, due=10**15 if late else None, ticket="t2", fingerprint="f", terms=terms)
    assert relay.put([first, second, plain(3)]) == [Outcome.PUT] * 3
    assert relay.put([first, second]) == [Outcome.SEEN] * 2
    assert (Later(link, keys).count(), numbers(redis_client)) == ((1, [3]) if late else (0, [2, 3]))
    assert [lock.ticket for lock in Locks(links, keys).all()] == ["t2"]
    window = Terms("skip", 60_000_000, 0)
    rows = [plain(n, ticket=f"t{n}", fingerprint="w", terms=window) for n in (4, 5)]
    assert relay.put(rows) == [Outcome.PUT, Outcome.LEFT_OUT]


def test_where_nothing_may_be_written_all_stays(relay: Relay, redis_client: redis.Redis) -> None:
    """A full server takes no row, forgets none, and takes each once when there is room."""
    redis_client.config_set("maxmemory", 1)
    try:
        assert relay.put([plain(1), plain(2)]) == [Outcome.REFUSED] * 2
    finally:
        redis_client.config_set("maxmemory", 0)
    assert relay.put([plain(1), plain(2)]) == [Outcome.PUT] * 2
    assert numbers(redis_client) == [1, 2]


def test_any_number_may_hand_over_the_same_rows_at_a_time(
    links: Links, keys: Keys, redis_client: redis.Redis
) -> None:
    """Each of three thousand is put once, by whoever comes first."""
    rows = [plain(number) for number in range(3_000)]

    def hand_over(seed: int) -> None:
        mine = list(rows)
        random.Random(seed).shuffle(mine)
        for start in range(0, len(mine), 100):
            Relay(links, keys).put(mine[start : start + 100])

    threads = [threading.Thread(target=hand_over, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(redis_client)) == [*range(3_000)]


def test_a_row_of_another_release_is_refused(relay: Relay, redis_client: redis.Redis) -> None:
    """Others beside it are put."""
    strange = Row.of(key="s", queue="mail", raw=b"{}", facts='{"moon": 1}')
    assert relay.put([plain(1), strange, plain(2)]) == [Outcome.PUT, Outcome.REFUSED, Outcome.PUT]
    assert numbers(redis_client) == [1, 2]
