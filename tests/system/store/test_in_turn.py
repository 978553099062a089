"""Queues that are served in turn, by shares and by weight, against a real server."""

import random
from collections import Counter

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resqd.queue_specs import QueueSpec
from resqd.store.inflight.calls import RESERVE_IN_TURN
from resqd.store.inflight.outbox import Ring
from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.keys import Keys
from resqd.worker.order import Order
from tests.system.store.conftest import DAEMON, OwnerMaker
from tests.system.store.mail import push, queued, reserve

TURNS = Keys().turns


def want(count: int, *queues: str, limits: dict[str, int] | None = None) -> Want:
    """Round-robin over these."""
    named = tuple((queue, (limits or {}).get(queue, 0)) for queue in queues)
    return Want(count, named, turns=((Ring("t.*", 1, len(queues)), count),))


def served(owner: Inflight, wanted: Want) -> str:
    """The queues whose jobs came, one letter a job."""
    return "".join(queue for _, queue, _ in reserve(owner, wanted))


def fill(client: redis.Redis, queues: str, jobs: int) -> None:
    for queue in queues:
        push(client, queue, *(b"%d" % number for number in range(jobs)))


def test_each_reserve_goes_on_where_the_last_one_ended_whoever_asked(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Equal shares, then single jobs, then the next queue for another worker."""
    fill(redis_client, "abc", 20)
    one, two = make_owner(), make_owner()
    assert served(one, want(7, *"abc")) == "aabbcca"
    assert served(two, want(1, *"abc")) == "b"
    assert served(one, want(4, *"abc")) == "cabc"


def test_what_a_queue_has_not_goes_to_the_others(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """A batch is full as long as there are jobs: shares grow when most queues are empty or short."""
    fill(redis_client, "bd", 20)
    fill(redis_client, "c", 1)
    owner = make_owner()
    assert Counter(served(owner, want(12, *"abcdefgh"))) == {"b": 6, "c": 1, "d": 5}
    assert Counter(served(owner, want(60, *"abcdefgh"))) == {"b": 14, "d": 15}
    assert served(owner, want(60, *"abcdefgh")) == ""


def test_queues_that_come_and_go_take_nobodys_turn(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """The turn is kept by name: one that comes before the last served does not make the next one wait, or go twice."""
    fill(redis_client, "abcdex", 20)
    owner = make_owner()
    assert served(owner, want(3, *"bcdx")) == "bcd"
    assert served(owner, want(1, *"abcdx")) == "x"
    assert served(owner, want(2, *"abcdex")) == "ab"
    assert served(owner, want(1, *"acdex")) in "cd"  # the one served last is gone: its place counts


def test_limits_hold_in_every_round(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """A queue with room for three gives no fourth, however many are wanted."""
    fill(redis_client, "ab", 20)
    assert Counter(served(make_owner(), want(12, *"ab", limits={"a": 3}))) == {"a": 3, "b": 9}


def test_weights_share_a_batch_and_what_is_left_over(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Shares come first; what an empty ring leaves goes to the others by weight; a broken queue is skipped."""
    fill(redis_client, "bc", 200)
    redis_client.set("resque:queue:d", "not a list")
    rings = tuple(
        Ring(name, at, at, weight)
        for at, (name, weight) in enumerate(zip("abcd", (5, 2, 1, 9), strict=True), 1)
    )
    queues = tuple((name, 0) for name in "abcd")
    wanted = Want(100, queues, turns=tuple(zip(rings, (30, 10, 5, 55), strict=True)))
    result = make_owner().exchange(Outbox(), wanted)
    counts = Counter(queue for _, queue, _ in result.batch)
    assert (sum(counts.values()), result.skipped) == (100, ("d",))
    assert 60 <= counts["b"] <= 72


@pytest.mark.parametrize("count", [1, 7, 200])
def test_weights_are_met_on_the_whole(make_owner: OwnerMaker, redis_client: redis.Redis, count: int) -> None:
    """Whether jobs come one at a time or by hundreds, and from fresh workers: 5 to 2 to 1 and 1 in turn."""
    dice = random.Random(count)
    specs = [QueueSpec("critical", weight=5), QueueSpec("m.*", weight=2), QueueSpec("low")]
    for queue in ("critical", "m.a", "m.b", "low"):
        push(redis_client, queue, *[b"x"] * 3000)
    queues = tuple((queue, 0) for queue in ("critical", "m.a", "m.b", "low"))
    counts: Counter[str] = Counter()
    owner = make_owner()
    for _ in range(2000 // count):
        order = Order(specs, "weighted", dice.random)  # as in a worker of one batch
        counts.update(q for _, q, _ in reserve(owner, Want(count, queues, turns=order.turns(queues, count))))
    total = counts.total()
    assert total == 2000 // count * count
    assert abs(counts["critical"] - total * 5 / 8) < total * 0.03
    assert abs(counts["low"] - total / 8) < total * 0.03
    assert abs(counts["m.a"] - counts["m.b"]) <= 1


def test_a_lost_reply_is_repeated_and_moves_no_turn(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """The same batch comes again in the same order, though queues alternate in it."""
    fill(redis_client, "abc", 9)
    owner = make_owner()
    batch = reserve(owner, want(5, *"abc"))
    owner._seq -= 1
    again = reserve(owner, want(5, *"abc"))
    assert again == batch
    assert redis_client.hget(TURNS, "t.*") == b"1 b"


@pytest.mark.parametrize("kept", [b"x", b"99 nowhere", b"999999999999999999999 a", b""])
def test_a_turn_that_others_wrote_stops_nothing(
    make_owner: OwnerMaker, redis_client: redis.Redis, kept: bytes
) -> None:
    """Whatever stands there, the jobs come, and the turn is right from then on."""
    fill(redis_client, "abc", 9)
    redis_client.hset(TURNS, "t.*", kept)
    owner = make_owner()
    assert len(served(owner, want(3, *"abc"))) == 3
    assert len(set(served(owner, want(3, *"abc")))) == 3


def test_a_key_of_another_type_in_place_of_the_turns_stops_nothing(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Each reserve begins with the first queue then, and no job is lost."""
    fill(redis_client, "ab", 3)
    redis_client.set(TURNS, "x")
    owner = make_owner()
    assert served(owner, want(3, *"ab")) + served(owner, want(3, *"ab")) == "abaabb"


def test_a_refused_write_puts_everything_back(redis_client: redis.Redis, make_owner: OwnerMaker) -> None:
    """Where the in-flight hash cannot be written, each queue is as it was."""
    fill(redis_client, "ab", 6)
    make_owner(fork=1)
    keys = Keys()
    inflight = keys.inflight(DAEMON, "e0.1")
    spoiled = RESERVE_IN_TURN.source.replace("redis.pcall('HSET', key,", "redis.pcall('LPUSH', key,")
    assert spoiled != RESERVE_IN_TURN.source
    packed = [inflight, TURNS, keys.queue("a"), keys.queue("b")]
    arguments = (1, 7, 1 << 20, len(keys.queue_prefix), "", "t", 1, 2, 1, 7)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        redis_client.eval(spoiled, len(packed), *packed, *arguments)
    assert queued(redis_client, "a") == queued(redis_client, "b") == [b"%d" % number for number in range(6)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    jobs=st.lists(st.integers(0, 40), min_size=1, max_size=130),
    wants=st.lists(st.integers(1, 90), min_size=1, max_size=25),
    seed=st.integers(0, 1 << 20),
)
def test_every_tenant_with_jobs_is_served_alike(
    make_owner: OwnerMaker, redis_client: redis.Redis, jobs: list[int], wants: list[int], seed: int
) -> None:
    """Whatever the queues and whoever asks: batches are full and in order, nobody is ahead by two."""
    redis_client.flushdb()
    dice = random.Random(seed)
    names = [f"t{number:03}" for number in range(len(jobs))]
    for name, count in zip(names, jobs, strict=True):
        if count:
            push(redis_client, name, *(b"%d" % number for number in range(count)))
    base = dice.randrange(1 << 30)
    owners = [make_owner(fork=base + number) for number in range(3)]
    left, got = dict(zip(names, jobs, strict=True)), Counter[str]()
    for count in wants:
        batch = reserve(dice.choice(owners), want(count, *names))
        assert len(batch) == min(count, sum(left.values()))
        for _, queue, payload in batch:
            assert payload == b"%d" % got[queue]
            got[queue] += 1
            left[queue] -= 1
        waiting = [got[name] for name in names if left[name]]
        assert not waiting or max(got.values()) - min(waiting) <= 1
