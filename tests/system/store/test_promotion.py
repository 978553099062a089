"""resque-scheduler's delayed jobs on a real server: each is moved once, whoever moves at the same time."""

import threading
from collections.abc import Callable
from typing import cast

import pytest
import redis

from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.scheduler import promotion
from resqd.store.scheduler.promotion import LOCK_SECONDS, Move, Moved, Promotion
from tests.system.store.test_declared_keys import guarded

LOCK = "resque:resque:resque_scheduler_master_lock"
SCHEDULE = "resque:delayed_queue_schedule"
DUE = 1_700_000_000


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for name, value in list(vars(promotion).items()):
        if isinstance(value, Script):
            monkeypatch.setattr(promotion, name, guarded(value))


def delay(client: redis.Redis, *payloads: bytes, at: int = DUE) -> None:
    """As Ruby does."""
    for payload in payloads:
        client.rpush(f"resque:delayed:{at}", payload)
        client.sadd(b"resque:timestamps:" + payload, f"delayed:{at}")
        client.zadd(SCHEDULE, {str(at): at})


def to_queue(payload: bytes) -> Move:
    return Move(payload, payload + b"!", "resque:queue:mail", "mail")


def jobs(count: int, size: int = 0) -> list[bytes]:
    return [b"job %d %b" % (number, b"x" * size) for number in range(count)]


def keys(client: redis.Redis) -> set[bytes]:
    return set(cast("list[bytes]", client.keys("*")))


def taker(link: Link, own: str = "") -> Promotion:
    return Promotion(link=link, namespace="resque", own=own)


def test_what_is_due_goes_to_its_queue_in_order(link: Link, redis_client: redis.Redis) -> None:
    """Nothing of it is left behind, the second of two equal ones included."""
    payloads = [*jobs(50), *jobs(3)]
    delay(redis_client, *payloads)
    one = taker(link)
    assert one.look()[:3] == ("", None, DUE)
    while one.promote(DUE, DUE, to_queue).left:
        pass
    assert redis_client.lrange("resque:queue:mail", 0, -1) == [payload + b"!" for payload in payloads]
    assert keys(redis_client) == {b"resque:queue:mail", b"resque:queues"}
    assert redis_client.smembers("resque:queues") == {b"mail"}
    assert one.look() == ("", None, None, None)


def test_a_moment_without_jobs_is_struck_off(link: Link, redis_client: redis.Redis) -> None:
    """Ruby leaves one behind where a job was taken back."""
    redis_client.zadd(SCHEDULE, {str(DUE): DUE})
    assert taker(link).promote(DUE, DUE, to_queue) == Moved(0, 0, 0, "")
    assert keys(redis_client) == set()


def test_a_call_takes_no_more_than_a_mebibyte(link: Link, redis_client: redis.Redis) -> None:
    """Once it has seen how large payloads are; small ones come 500 at a time."""
    delay(redis_client, *jobs(60, 200_000))
    one = taker(link)
    assert [one.promote(DUE, DUE, to_queue).moved for _ in range(4)] == [20, 5, 5, 5]
    delay(redis_client, *jobs(3_000), at=DUE + 1)
    moved = [one.promote(DUE + 1, DUE, to_queue).moved for _ in range(9)]
    assert max(moved) == 500


def test_a_refused_job_is_put_off_and_found_there(link: Link, redis_client: redis.Redis) -> None:
    """Its queue's key is no list: the job is not lost, does not stand in the way, and can be taken back."""
    redis_client.set("resque:queue:mail", "text")
    delay(redis_client, b"one")
    assert taker(link).promote(DUE, DUE, to_queue) == Moved(0, 1, 0, "")
    assert redis_client.lrange(f"resque:delayed:{DUE + 5}", 0, -1) == [b"one"]
    assert redis_client.smembers("resque:timestamps:one") == {f"delayed:{DUE + 5}".encode()}
    assert redis_client.zrange(SCHEDULE, 0, -1) == [str(DUE + 5).encode()]


def test_a_record_enters_no_queue(link: Link, redis_client: redis.Redis) -> None:
    """What cannot be queued goes to a list that is none."""
    delay(redis_client, b"one")
    taker(link).promote(DUE, DUE, lambda payload: Move(payload, b"record", "resque:failed", ""))
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
    assert not redis_client.exists("resque:queues")


def test_nothing_is_moved_beside_a_scheduler_that_holds_the_lock(
    link: Link, redis_client: redis.Redis
) -> None:
    """It is looked at in the very step that moves: Ruby would run the job twice."""
    delay(redis_client, b"one")
    redis_client.set(LOCK, "ruby:7", ex=100)
    assert taker(link).look().holder == "ruby:7"
    assert taker(link).promote(DUE, DUE, to_queue) == Moved(0, 0, 0, "ruby:7")
    assert taker(link, "us:1").promote(DUE, DUE, to_queue) == Moved(0, 0, 0, "ruby:7")
    assert redis_client.llen(f"resque:delayed:{DUE}") == 1


def test_the_lock_is_taken_kept_and_let_go_as_ruby_does(link: Link, redis_client: redis.Redis) -> None:
    """With its value and its 180 s; only its holder lets it go."""
    first, second = taker(link, "us:1"), taker(link, "them:2")
    assert first.look().holder == "us:1"
    assert redis_client.get(LOCK) == b"us:1"
    redis_client.expire(LOCK, 5)
    assert second.look().holder == "us:1"
    assert (second.look().expires_in or 0) <= 5
    assert LOCK_SECONDS - 1 <= (first.look().expires_in or 0) <= LOCK_SECONDS
    second.release()
    assert redis_client.get(LOCK) == b"us:1"
    first.release()
    assert not redis_client.exists(LOCK)
    assert second.look().holder == "them:2"


def test_several_at_once_move_each_job_once(open_link: Callable[[], Link], redis_client: redis.Redis) -> None:
    """Four of them, while jobs still come, some of them equal to those before."""
    payloads = [b"job %d" % (number % 700) for number in range(3_000)]
    pushed = threading.Event()

    def push() -> None:
        for payload in payloads:
            delay(redis_client, payload)
        pushed.set()

    def move() -> None:
        one = taker(open_link())
        while True:
            done = pushed.is_set()
            if not one.promote(DUE, DUE, to_queue).left and done:
                return

    threads = [threading.Thread(target=target) for target in (push, move, move, move, move)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    moved = redis_client.lrange("resque:queue:mail", 0, -1)
    assert sorted(moved) == sorted(payload + b"!" for payload in payloads)
    assert not redis_client.exists(f"resque:delayed:{DUE}")
