"""The doorbell's connection against a real server."""

import select
from collections.abc import Iterator

import pytest
import redis

from resqd.errors import StoreError, StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.redis.tracking import Doorbell
from resqd.store.redis.url import ConnectionConfig
from tests.support.waiting import wait_for


@pytest.fixture
def doorbell(redis_url: str) -> Iterator[Doorbell]:
    doorbell = Doorbell(config=ConnectionConfig.from_url(redis_url), keys=Keys(), queues=["mail", "b_*"])
    doorbell.connect()
    yield doorbell
    doorbell.close()


def rings(doorbell: Doorbell, seconds: float = 5.0) -> bool:
    """Whether it rings within the time; what does not concern it is taken in as well."""
    poll = select.poll()
    poll.register(doorbell.fileno(), select.POLLIN)
    while poll.poll(seconds * 1000):
        doorbell.receive()
        if doorbell.heard():
            return True
    return False


def test_it_rings_while_armed_only(doorbell: Doorbell, redis_client: redis.Redis) -> None:
    """A push rings from the arming to the disarming, again after another arming."""
    redis_client.rpush("resque:queue:mail", b"1")
    doorbell.arm()
    assert not rings(doorbell, 0)
    redis_client.rpush("resque:queue:mail", b"2")
    assert rings(doorbell)
    doorbell.disarm()
    redis_client.rpush("resque:queue:mail", b"3")
    assert not rings(doorbell, 0.1)
    doorbell.arm()
    redis_client.rpush("resque:queue:mail", b"4")
    assert rings(doorbell)


def test_it_rings_on_redis_as_on_valkey(redis7_url: str) -> None:
    """The same commands and pushes, where this machine has a Redis."""
    doorbell = Doorbell(config=ConnectionConfig.from_url(redis7_url), keys=Keys(), queues=["mail"])
    try:
        doorbell.connect()
        doorbell.arm()
        with redis.Redis.from_url(redis7_url) as client:
            client.rpush("resque:queue:mail", b"1")
        assert rings(doorbell)
        doorbell.disarm()
    finally:
        doorbell.close()


def test_it_rings_for_its_own_queues_only(doorbell: Doorbell, redis_client: redis.Redis) -> None:
    """Neither another queue below the same prefix rings nor another key; what matches a pattern does."""
    doorbell.arm()
    redis_client.rpush("resque:queue:mailing", b"1")
    redis_client.rpush("resque:queue:a_1", b"1")
    redis_client.incr("resque:stat:processed")
    assert not rings(doorbell, 0.1)
    redis_client.rpush("resque:queue:b_1", b"1")
    assert rings(doorbell)


def test_it_rings_when_all_is_deleted(doorbell: Doorbell, redis_client: redis.Redis) -> None:
    """The server then names no keys at all."""
    doorbell.arm()
    redis_client.flushall()
    assert rings(doorbell)


def test_what_rings_while_an_answer_is_awaited_is_kept(doorbell: Doorbell, redis_client: redis.Redis) -> None:
    """A push that arrives before a reply rings after it."""
    doorbell.arm()
    redis_client.rpush("resque:queue:mail", b"1")
    redis_client.hset("resque:resqd:daemons", mapping={"a/resqd": 1, "b/resqd": 1})
    assert doorbell.daemons() == 2
    assert doorbell.waiting
    assert doorbell.heard()
    assert not doorbell.waiting


def test_a_cut_connection_is_noticed_and_made_anew(doorbell: Doorbell, redis_client: redis.Redis) -> None:
    """It raises StoreUnavailable; after `connect` and `arm` it rings as before."""
    doorbell.arm()
    redis_client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(StoreUnavailable):
        wait_for(lambda: rings(doorbell, 1.0))
    with pytest.raises(StoreUnavailable):
        doorbell.arm()
    doorbell.connect()
    doorbell.arm()
    redis_client.rpush("resque:queue:mail", b"1")
    assert rings(doorbell)


def test_a_refusal_is_told_from_an_outage(redis_url: str, redis_client: redis.Redis) -> None:
    """A user who may not track gets a StoreError that says so, and that is no StoreUnavailable."""
    redis_client.acl_setuser(
        "untracked",
        enabled=True,
        nopass=True,
        keys=["*"],
        categories=["+@all"],
        commands=["-client|tracking"],
    )
    url = redis_url.replace("unix://", "unix://untracked:any@")
    doorbell = Doorbell(config=ConnectionConfig.from_url(url), keys=Keys(), queues=["mail"])
    try:
        doorbell.connect()
        with pytest.raises(StoreError, match="NOPERM") as caught:
            doorbell.arm()
        assert not isinstance(caught.value, StoreUnavailable)
    finally:
        doorbell.close()
        redis_client.acl_deluser("untracked")
