"""Dead hosts, against a real server and with a clock of the test's own."""

from collections.abc import Callable

import pytest
import redis

from resqd.housekeeper.recovery import Hosts, Stillness
from resqd.store.inflight.owner import Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.registry import Registry
from tests.support.inquests import inquest
from tests.system.store.conftest import DAEMON, OwnerMaker, beat, incarnation
from tests.system.store.mail import MAIL, forgiven, numbered, push, queued, reserve

LIFE = incarnation(1).life
SUSPECTS = Keys().suspects(DAEMON)


class Watch:
    """A host that looks every 3 s."""

    def __init__(self, recovery: Recovery, client: redis.Redis, life: str = "other.example/resqd:e9") -> None:
        self.now = 0.0
        self.client = client
        self.life = life
        stillness = Stillness(still_for=30, gap=4)
        self.lingering: set[int] = set()
        self.hosts = Hosts(
            recovery=recovery,
            inquest=inquest(recovery),
            stillness=stillness,
            lingers=lambda incarnation: incarnation.fork in self.lingering,
            life=life,
            clock=lambda: self.now,
        )

    def look(self, times: int) -> None:
        for _ in range(times):
            beat(self.client, self.life)
            self.hosts.watch()
            self.now += 3


@pytest.fixture
def watch(recovery: Recovery, redis_client: redis.Redis) -> Watch:
    return Watch(recovery, redis_client)


def test_a_life_that_beats_slower_than_we_are_patient_is_left_alone(
    watch: Watch,
    make_owner: OwnerMaker,
    recovery: Recovery,
    redis_client: redis.Redis,
    open_link: Callable[[], Link],
) -> None:
    """It tells its interval of 20 s: it is dead after three of them, then no trace is left; nonsense counts as none."""
    push(redis_client, "mail", *numbered(2))
    reserve(make_owner(fork=1), Want(1, MAIL))
    Registry(link=open_link(), keys=Keys(), life=LIFE, worker_id="h:1:q", beats_every=20.0).heartbeat()
    redis_client.hset(Keys().intervals, "another", "soon")
    watch.look(20)
    assert queued(redis_client) == numbered(2)[1:]
    assert recovery.intervals() == {LIFE: 20.0, "another": 0.0}
    watch.look(2)
    assert queued(redis_client) == forgiven(1) + numbered(2)[1:]
    assert LIFE not in recovery.intervals()


def test_an_orphan_that_lives_on_here_keeps_its_jobs_until_it_has_ended(
    watch: Watch, make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """Its siblings' jobs come back after 30 s, its own not before its end: they would run twice at a time."""
    push(redis_client, "mail", *numbered(3))
    reserve(make_owner(fork=1), Want(2, MAIL))
    reserve(make_owner(fork=2), Want(1, MAIL))
    beat(redis_client, LIFE)
    watch.lingering.add(1)
    watch.look(15)
    assert queued(redis_client) == forgiven(3)[2:]
    assert LIFE in recovery.counters()
    watch.lingering.clear()
    watch.look(1)
    assert queued(redis_client) == forgiven(3)
    assert recovery.counters().keys() == {watch.life}


def test_a_dead_hosts_jobs_and_suspects_come_back_and_it_is_forgotten(
    watch: Watch, make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """30 s of standing still: jobs in flight and suspects are in their queues, not charged."""
    push(redis_client, "mail", *numbered(4))
    reserve(make_owner(fork=1), Want(2, MAIL))
    reserve(make_owner(fork=2), Want(1, MAIL))
    redis_client.rpush(SUSPECTS, b"3:lowx")
    beat(redis_client, LIFE)
    watch.look(10)
    assert queued(redis_client) == numbered(4)[3:]
    watch.look(1)
    assert sorted(queued(redis_client)) == sorted(forgiven(3) + numbered(4)[3:])
    assert queued(redis_client, "low") == [b"x"]
    assert recovery.counters().keys() == {watch.life}
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]


def test_a_host_that_died_before_its_first_heartbeat_is_found(
    watch: Watch, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Its first worker has put it on the list."""
    push(redis_client, "mail", *numbered(1))
    reserve(make_owner(fork=1), Want(1, MAIL))
    watch.look(11)
    assert queued(redis_client) == forgiven(1)


def test_a_namesakes_suspects_stay_while_one_of_the_name_lives(
    recovery: Recovery, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """A daemon of our own name that is dead: its jobs come back, the suspects are ours now."""
    watch = Watch(recovery, redis_client, life=f"{DAEMON}:successor")
    push(redis_client, "mail", *numbered(1))
    reserve(make_owner(fork=1), Want(1, MAIL))
    redis_client.rpush(SUSPECTS, b"3:lowx")
    watch.look(11)
    assert queued(redis_client) == forgiven(1)
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"3:lowx"]
    assert recovery.counters().keys() == {watch.life}


def test_a_daemon_that_beats_keeps_its_jobs(
    watch: Watch, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """One beat in 27 s is enough."""
    push(redis_client, "mail", *numbered(1))
    reserve(make_owner(fork=1), Want(1, MAIL))
    for _ in range(5):
        beat(redis_client, LIFE)
        watch.look(9)
    assert queued(redis_client) == []
