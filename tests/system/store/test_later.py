"""The place of jobs that are to run later, on a real server whose clock the tests set."""

import pytest
import redis

from resqd.errors import StoreError
from resqd.store.keys import Keys
from resqd.store.later import later as module
from resqd.store.later.later import AT_ONCE, PUT_OFF, Later, Schedule, When
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from tests.support.redis_clock import RedisClock


@pytest.fixture
def clock(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> RedisClock:
    return RedisClock(redis_client, monkeypatch, module)


@pytest.fixture
def schedule(redis_url: str, keys: Keys) -> Schedule:
    return Schedule(Links(ConnectionConfig.from_url(redis_url)), keys)


@pytest.fixture
def later(link: Link, keys: Keys, clock: RedisClock) -> Later:
    assert clock
    return Later(link, keys)


def queue(client: redis.Redis, name: str = "mail") -> list[object]:
    return list(client.lrange(f"resque:queue:{name}", 0, -1))


def test_a_job_goes_to_its_queue_when_it_is_due(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Not a microsecond before; until then it is in no queue, and how long that is yet is told."""
    assert schedule.put("mail", [("a", b'{"n":1}')], When.after(60)) == ["a"]
    clock.now += 59.999999
    assert later.promote()[:3] == (0, 0, 0.000001)
    assert queue(redis_client) == []
    clock.now += 0.000001
    assert later.promote()[:3] == (1, 0, None)
    assert queue(redis_client) == [b'{"n":1}']
    assert redis_client.smembers("resque:queues") == {b"mail"}
    assert redis_client.keys("resque:resqd:later*") == []


def test_jobs_go_in_the_order_in_which_they_are_due(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Those of one moment in the order in which they came, however many; across queues as well."""
    due = clock.now + 100
    for number in range(5):
        schedule.put("mail", [(f"z{9 - number}", b"%d" % number)], When.at(due))
    schedule.put("mail", [(f"b{number}", b"%d" % number) for number in range(5, 1500)], When.at(due))
    schedule.put("mail", [("first", b"first")], When.at(due - 1))
    clock.now = due + 1
    moved = [later.promote().moved for _ in range(1500 // AT_ONCE + 1)]
    assert moved == [*[AT_ONCE] * (1500 // AT_ONCE), 1501 % AT_ONCE]
    assert queue(redis_client) == [b"first", *(b"%d" % number for number in range(1500))]


def test_some_go_to_the_fronts_of_their_queues(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Those that were enqueued so, in their order; one that was tried before goes to the end. None is lost."""
    redis_client.rpush("resque:queue:mail", b"waits")
    first = [b'{"resqd":{"front":1},"n":%d}' % number for number in range(3)]
    tried = b'{"attempts":1,' + first[0][1:]
    schedule.put("mail", [("a", first[0]), ("b", b"plain"), ("c", first[1]), ("t", tried)], When.after(1))
    schedule.put("low", [("d", first[2])], When.after(1))
    clock.now += 2
    assert later.promote().moved == 5
    assert queue(redis_client) == [first[0], first[1], b"waits", b"plain", tried]
    assert queue(redis_client, "low") == [first[2]]
    redis_client.delete("resque:queue:mail")
    redis_client.set("resque:queue:mail", "no list")
    schedule.put("mail", [("e", first[0]), ("f", b"plain")], When.after(1))
    clock.now += 2
    assert later.promote()[:2] == (0, 2)
    redis_client.delete("resque:queue:mail")
    clock.now += PUT_OFF + 1
    assert later.promote().moved == 2
    assert queue(redis_client) == [first[0], b"plain"]


def test_single_jobs_of_one_moment_keep_their_order(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """The first is put by the short script, the others find its moment, or their id, taken."""
    tickets = [schedule.put("mail", [(name, name.encode())], When.after(5)) for name in ("z", "y", "z", "x")]
    assert tickets == [["z"], ["y"], ["z~2"], ["x"]]
    assert later.count() == 4
    clock.now += 6
    later.promote()
    assert queue(redis_client) == [b"z", b"y", b"z", b"x"]
    assert redis_client.exists("resque:resqd:later", "resque:resqd:later:jobs") == 0


def test_ids_that_are_not_unique_overwrite_nothing(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Each has a ticket of its own, by which it can be taken away."""
    assert schedule.put("mail", [("a", b"1"), ("a", b"2")], When.after(1)) == ["a", "a~2"]
    assert schedule.put("mail", [("a", b"3")], When.after(1)) == ["a~3"]
    assert later.cancel(["a~2", "none"]) == 1
    clock.now += 2
    later.promote()
    assert queue(redis_client) == [b"1", b"3"]


def test_a_queue_that_refuses_loses_nothing(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Its key is of another type: its jobs are put off, others go, and they go too once it is a list again."""
    redis_client.set("resque:queue:odd", "no list")
    schedule.put("odd", [("a", b"1"), ("b", b"2")], When.after(0))
    schedule.put("mail", [("c", b"3")], When.after(0))
    clock.now += 1
    assert later.promote()[:3] == (1, 2, PUT_OFF)
    assert queue(redis_client) == [b"3"]
    redis_client.delete("resque:queue:odd")
    clock.now += PUT_OFF + 1
    assert later.promote()[:3] == (2, 0, None)
    assert queue(redis_client, "odd") == [b"1", b"2"]


def test_large_jobs_go_few_at_a_time(schedule: Schedule, later: Later, clock: RedisClock) -> None:
    """A megabyte a call, and one job at least."""
    schedule.put("mail", [(f"{number}", b"x" * 700_000) for number in range(3)], When.after(0))
    clock.now += 1
    assert [later.promote().moved for _ in range(4)] == [1, 1, 1, 0]


def test_jobs_can_be_moved_run_and_cancelled(
    schedule: Schedule, later: Later, clock: RedisClock, redis_client: redis.Redis
) -> None:
    """Each act says how many were there; what runs now goes to the front."""
    redis_client.rpush("resque:queue:mail", b"waits")
    schedule.put("mail", [("a", b"1"), ("b", b"2"), ("c", b"3")], When.after(10))
    assert later.move(["a", "x"], When.after(100)) == 1
    assert later.run_now(["b", "x"]) == 1
    assert later.cancel(["c", "c"]) == 1
    assert queue(redis_client) == [b"2", b"waits"]
    assert later.count() == 1
    job = later.get("a")
    assert job == ("a", clock.now + 100, "mail", b"1")
    assert (later.get("b"), later.first()) == (None, clock.now + 100)
    redis_client.set("resque:queue:odd", "no list")
    schedule.put("odd", [("d", b"4")], When.after(10))
    assert later.run_now(["d"]) == 0
    assert [each.ticket for each in later.all()] == ["d", "a"]


def test_all_are_listed_in_pages(schedule: Schedule, later: Later) -> None:
    """The first due first, with queue and payload."""
    for number in range(3):
        schedule.put(
            f"q{number}", [(f"{number}-{each}", b"%d" % each) for each in range(400)], When.after(9 - number)
        )
    listed = list(later.all())
    assert len(listed) == 1200
    assert [each.due for each in listed] == sorted(each.due for each in listed)
    assert [each.ticket for each in later.page(400, 2)] == ["1-0", "1-1"]
    assert later.page(5000, 2) == []


def test_a_key_of_another_type_is_refused_before_anything_moves(
    schedule: Schedule, later: Later, redis_client: redis.Redis
) -> None:
    """The error names it."""
    redis_client.set("resque:resqd:later", "no sorted set")
    with pytest.raises(StoreError, match="resque:resqd:later"):
        schedule.put("mail", [("a", b"1")], When.after(1))
    with pytest.raises(StoreError, match="resque:resqd:later"):
        later.promote()
    assert redis_client.keys("resque:resqd:later:jobs") == []
