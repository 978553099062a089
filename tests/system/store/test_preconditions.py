"""What is said about a server that may lose jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from resqd.store.redis.health import shortcomings
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from tests.support.daemon import Daemon
from tests.support.server import Server

MEMORY = "Redis drops keys when its memory is full (maxmemory-policy allkeys-lru): set it to noeviction"
DISK = "Redis keeps nothing on disk: jobs are lost when it ends; turn on appendonly, or save"


@pytest.fixture
def server() -> Iterator[Server]:
    binary = server_binary()
    assert binary is not None
    with Server(binary) as one:
        yield one


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url()) as one:
        yield one


@pytest.fixture
def own_link(server: Server) -> Iterator[Link]:
    one = Link(ConnectionConfig.from_url(server.url()))
    yield one
    one.close()


def test_eviction_and_missing_files_are_told(client: redis.Redis, own_link: Link) -> None:
    """Each by a line with its remedy; the embedded server's files are its own affair."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert shortcomings(own_link, embedded=False) == [MEMORY, DISK]
    assert shortcomings(own_link, embedded=True) == [MEMORY]
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("appendonly", "yes")
    assert shortcomings(own_link, embedded=False) == []
    client.config_set("appendonly", "no")
    client.config_set("save", "60 1")
    assert shortcomings(own_link, embedded=False) == []


def test_a_server_that_does_not_tell_is_not_suspected(client: redis.Redis, own_link: Link) -> None:
    """CONFIG is refused by many hosted servers."""
    client.execute_command("ACL", "SETUSER", "default", "-config")
    assert shortcomings(own_link, embedded=False) == []


def test_the_daemon_warns_at_its_start(server: Server, client: redis.Redis, tmp_path: Path) -> None:
    """Once, from the housekeeper, as soon as Redis answers."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    flags = ("--app", "tests.support.recorded:app", "--queues", "work", "--heartbeat-interval", "0.2")
    with Daemon(*flags, folder=tmp_path, environ={"REDIS_URL": server.url()}) as daemon:
        for line in (MEMORY, DISK):
            daemon.wait_for_line(line.replace("(", r"\(").replace(")", r"\)"))
        assert daemon.stop() == 0
        assert daemon.output().count(DISK) == 1
