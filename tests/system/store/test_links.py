"""The connections that an application's enqueues go through."""

import os
import threading
from dataclasses import replace

import pytest
import redis

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.links import KEPT
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.store import PUSH_CHUNK, Store
from tests.support.waiting import wait_for


@pytest.fixture
def store(redis_url: str) -> Store:
    return Store.of(url=redis_url, namespace="resque")


def clients(client: redis.Redis) -> list[dict[str, str]]:
    return [one for one in client.client_list() if one["cmd"] != "client|list"]


def test_pushes_in_turn_use_one_connection(store: Store, redis_client: redis.Redis) -> None:
    """A caller that enqueues again and again keeps its connection."""
    before = len(clients(redis_client))
    for _ in range(5):
        store.push("q", [b"{}"])
    assert redis_client.llen("resque:queue:q") == 5
    assert len(clients(redis_client)) == before + 1


def test_connection_that_the_server_ended_is_made_again(store: Store, redis_client: redis.Redis) -> None:
    """A push after a long rest does not fail because the server closed the idle connection."""
    store.push("q", [b"1"])
    redis_client.client_kill_filter(_type="normal", skipme=True)
    store.push("q", [b"2"])
    assert redis_client.lrange("resque:queue:q", 0, -1) == [b"1", b"2"]


def test_threads_push_at_the_same_time(store: Store, redis_client: redis.Redis) -> None:
    """Each call has a connection to itself, so nobody reads another's reply."""
    threads = [
        threading.Thread(target=lambda: [store.push("q", [b"x"] * 3) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redis_client.llen("resque:queue:q") == 4 * 200 * 3


def test_a_burst_of_callers_leaves_few_connections(store: Store, redis_client: redis.Redis) -> None:
    """Each of many calls at once has a link, and only so many are kept when they are done."""
    before = len(clients(redis_client))
    count = 3 * KEPT
    taken = threading.Barrier(count)
    links = store._links
    lend = links._take

    def take() -> Link:
        link = lend()
        taken.wait(10)
        return link

    links._take = take  # type: ignore[method-assign] # so that all are under way at once
    threads = [threading.Thread(target=store.push, args=("q", [b"x"])) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redis_client.llen("resque:queue:q") == count
    wait_for(lambda: len(clients(redis_client)) == before + KEPT, what="the others were closed")


def test_forked_child_has_connections_of_its_own(store: Store, redis_client: redis.Redis) -> None:
    """Parent and child push side by side after a fork, each over its own connection."""
    store.push("q", [b"before"])
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for _ in range(50):
                store.push("q", [b"child"])
            status = 0
        finally:
            os._exit(status)
    for _ in range(50):
        store.push("q", [b"parent"])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    pushed = redis_client.lrange("resque:queue:q", 0, -1)
    assert (pushed.count(b"child"), pushed.count(b"parent")) == (50, 50)


def test_server_that_is_away_is_said_and_nothing_is_kept(tmp_path: os.PathLike[str]) -> None:
    """A push to no server raises StoreUnavailable, each time anew."""
    store = Store.of(url=f"unix://{tmp_path}/none.sock", namespace="resque")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.push("q", [b"{}"])


def test_a_push_that_may_not_name_its_queue_pushes_nothing(redis_url: str, redis_client: redis.Redis) -> None:
    """All of a push is refused with the one command that is; once it is allowed the same store pushes."""
    rights = ["allkeys", "allcommands", "-sadd"]
    redis_client.execute_command("ACL", "SETUSER", "pusher", "on", ">pw", *rights)
    try:
        config = replace(ConnectionConfig.from_url(redis_url), username="pusher", password="pw")
        store = Store(config, Keys())
        for _ in range(2):
            with pytest.raises(StoreRefused, match="sadd"):
                store.push("q", [b"1"])
        assert not redis_client.exists("resque:queue:q")
        redis_client.execute_command("ACL", "SETUSER", "pusher", "+sadd")
        assert store.push("q", [b"2"]) == 1
    finally:
        redis_client.acl_deluser("pusher")
    assert redis_client.lrange("resque:queue:q", 0, -1) == [b"2"]


def test_a_queue_that_is_no_list_is_said(store: Store, redis_client: redis.Redis) -> None:
    """An error of a command inside of the transaction is raised, and the next push goes well."""
    redis_client.set("resque:queue:text", "x")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        store.push("text", [b"1"])
    assert store.push("q", [b"2"]) == 1


def test_a_long_batch_keeps_its_order(store: Store, redis_client: redis.Redis) -> None:
    """Payloads go in several transactions, in order, whatever iterable they come from."""
    raws = [b"%d" % number for number in range(2 * PUSH_CHUNK + 1)]
    assert store.push("q", iter(raws)) == len(raws)
    assert redis_client.lrange("resque:queue:q", 0, -1) == raws
    assert redis_client.smembers("resque:queues") == {b"q"}
