"""What a server that is full, read-only, busy, locked or silent does to jobs in flight: nothing."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd.errors import NotSent, StoreError, StoreRefused, StoreUnavailable
from resqd.store.inflight.owner import Failure, Inflight, Outbox, Return, Source, Want
from resqd.store.inflight.recovery import Charge, Convict, Recovered, Recovery, Suspect, Verdict
from resqd.store.keys import Keys
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from tests.support.server import Server
from tests.support.waiting import wait_for
from tests.system.store.conftest import DAEMON, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, numbered, payloads, push, queued

KEYS = Keys()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own, whose settings it may change."""
    binary = server_binary()
    assert binary is not None
    with Server(binary, "--maxmemory-policy", "noeviction", "--appendonly", "yes") as one:
        yield one


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url()) as one:
        yield one


@pytest.fixture
def own_link(server: Server) -> Iterator[Link]:
    link = Link(ConnectionConfig.from_url(server.url()))
    yield link
    link.close()


def owner_of(link: Link, source: Source = "queues") -> Inflight:
    return Inflight(link=link, keys=KEYS, incarnation=incarnation(1), worker_id="w", source=source)


def fill(client: redis.Redis) -> None:
    """No further memory is granted, as a plain write shows."""
    client.config_set("maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("more", "x")


def test_a_full_server_still_drains_and_recovers(client: redis.Redis, own_link: Link) -> None:
    """At maxmemory a new owner registers, takes, acknowledges, fails, returns; recovery works too."""
    push(client, "mail", *numbered(2_000))
    fill(client)
    client.script_flush()
    owner = owner_of(own_link)
    owner.exchange(Outbox(), Want(0))
    batch = owner.exchange(Outbox(), Want(1_500, MAIL)).batch
    assert payloads(batch) == numbered(1_500)
    tokens = [token for token, _, _ in batch]
    outbox = Outbox(
        done=tokens[:1_000],
        failed=[Failure(tokens[1_000], b"record", (KEYS.failed,), "mail_failed")],
        returned=[Return(tokens[1_001])],
    )
    result = owner.exchange(outbox, Want(1, MAIL))
    assert (result.processed, result.failed, result.returned, len(result.batch)) == (1_001, 1, 1, 1)
    recovery = Recovery(link=own_link, keys=KEYS)
    verdicts: dict[int, Verdict] = {
        tokens[1_002]: Charge(), tokens[1_003]: Suspect(), tokens[1_004]: Convict(b"r", (KEYS.failed,)),
    }  # fmt: skip
    assert recovery.recover(incarnation(1), verdicts) == Recovered(497, 1, 1)
    assert recovery.release_suspects(DAEMON) == 1
    assert recovery.forget(incarnation(1).life)
    assert client.llen("resque:failed") == 2
    assert client.llen(MAIL_KEY) == 998


def test_closing_works_on_a_full_server(client: redis.Redis, own_link: Link) -> None:
    """An owner that leaves a full server puts its jobs back."""
    push(client, "mail", *numbered(10))
    owner = owner_of(own_link)
    owner.exchange(Outbox(), Want(0))
    owner.exchange(Outbox(), Want(5, MAIL))
    fill(client)
    assert owner.close([]).returned == 5
    assert queued(client) == numbered(10)


@contextlib.contextmanager
def read_only(client: redis.Redis) -> Iterator[None]:
    client.slaveof("127.0.0.1", 1)
    yield
    client.slaveof()


@contextlib.contextmanager
def too_few_replicas(client: redis.Redis) -> Iterator[None]:
    client.config_set("min-replicas-to-write", 1)
    yield
    client.config_set("min-replicas-to-write", 0)


@contextlib.contextmanager
def busy(client: redis.Redis) -> Iterator[None]:
    client.config_set("busy-reply-threshold", 1)

    def spin() -> None:
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis(
            connection_pool=redis.ConnectionPool(**client.connection_pool.connection_kwargs,
                                                 connection_class=client.connection_pool.connection_class)
        ) as other:  # fmt: skip
            other.eval("while true do end", 0)

    def is_busy() -> bool:
        try:
            client.ping()
        except redis.exceptions.ResponseError:
            return True
        return False

    thread = threading.Thread(target=spin)
    thread.start()
    wait_for(is_busy)
    yield
    client.script_kill()
    thread.join(10)


@pytest.mark.parametrize("trouble", [read_only, too_few_replicas, busy])
def test_a_server_that_cannot_write_moves_nothing_and_work_goes_on_after_it(
    client: redis.Redis, own_link: Link, trouble: "type[contextlib.AbstractContextManager[None]]"
) -> None:
    """READONLY, NOREPLICAS and BUSY are all 'try again': the same exchange succeeds when they are over."""
    push(client, "mail", *numbered(3))
    owner = owner_of(own_link)
    owner.exchange(Outbox(), Want(0))
    [(token, _, _)] = owner.exchange(Outbox(), Want(1, MAIL)).batch
    outbox = Outbox(done=[token])
    with trouble(client):  # type: ignore[call-arg] # functions that make context managers
        with pytest.raises(StoreUnavailable):
            owner.exchange(outbox, Want(1, MAIL))
        with pytest.raises(StoreUnavailable):
            Recovery(link=own_link, keys=KEYS).recover(incarnation(1), {})
    assert queued(client) == numbered(3)[1:]
    assert outbox.done == [token]
    result = owner.exchange(outbox, Want(1, MAIL))
    assert (result.processed, payloads(result.batch)) == (1, numbered(3)[1:2])


def test_a_restart_of_the_server_keeps_jobs_and_numbers(
    server: Server, client: redis.Redis, own_link: Link
) -> None:
    """While it is away every exchange says so; after it the owner goes on with what the file brought back."""
    client.config_set("appendfsync", "always")
    push(client, "mail", *numbered(3))
    owner = owner_of(own_link)
    owner.exchange(Outbox(), Want(0))
    batch = owner.exchange(Outbox(), Want(2, MAIL)).batch
    server.kill()
    outbox = Outbox(done=[token for token, _, _ in batch])
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            owner.exchange(outbox, Want(1, MAIL))
    server.start()
    result = owner.exchange(outbox, Want(1, MAIL))
    assert (result.processed, payloads(result.batch)) == (2, numbered(3)[2:])


def with_user(server: Server, user: str, password: str) -> ConnectionConfig:
    return ConnectionConfig.from_url(server.url().replace("unix://", f"unix://{user}:{password}@"))


def test_a_wrong_password_is_refused_and_never_shown(server: Server, client: redis.Redis) -> None:
    """A missing and a wrong password each need a person, and neither is in the message."""
    client.config_set("requirepass", "s3cret")
    client.execute_command("AUTH", "s3cret")
    for config in (with_user(server, "default", "wr0ng"), ConnectionConfig.from_url(server.url())):
        with pytest.raises(StoreRefused) as caught:
            Link(config).call("PING")
        assert "wr0ng" not in f"{caught.value!r} {caught.value.__cause__!r} {config.describe()}"
    link = Link(with_user(server, "default", "s3cret"))
    assert link.call("PING") == b"PONG"
    link.close()


@pytest.mark.parametrize("command", ["lpop", "hset", "hdel", "evalsha", "incrby", "exists"])
def test_a_right_that_is_taken_away_loses_no_job(server: Server, client: redis.Redis, command: str) -> None:
    """Whatever single command the user may no longer use, jobs are in their queue or in flight afterwards."""
    client.execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all")
    push(client, "mail", *numbered(6))
    link = Link(with_user(server, "worker", "pw"))
    owner = owner_of(link)
    owner.exchange(Outbox(), Want(0))
    [(token, _, _)] = owner.exchange(Outbox(), Want(1, MAIL)).batch
    client.execute_command("ACL", "SETUSER", "worker", f"-{command}")
    outbox = Outbox(done=[token])
    held = []
    want = Want(3, (*MAIL, ("a", 0), ("b", 0), ("c", 0)))
    with contextlib.suppress(StoreRefused):
        held += owner.exchange(outbox, want).batch
    client.execute_command("ACL", "SETUSER", "worker", f"+{command}")
    held += owner.exchange(outbox, want).batch
    assert sorted(payloads(held) + queued(client)) == numbered(6)[1:]
    owner.close([])
    link.close()
    assert queued(client) == numbered(6)[1:]


def test_a_right_that_is_taken_away_loses_no_suspect(server: Server, client: redis.Redis) -> None:
    """Suspects that may be taken but not kept are in their list afterwards, in order."""
    client.execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all")
    suspects = [b"4:mail1", b"4:mail2"]
    client.rpush(KEYS.suspects(DAEMON), *suspects)
    link = Link(with_user(server, "worker", "pw"))
    owner = owner_of(link, "suspects")
    owner.exchange(Outbox(), Want(0))
    client.execute_command("ACL", "SETUSER", "worker", "-hset")
    with pytest.raises(StoreRefused):
        owner.exchange(Outbox(), Want(2))
    link.close()
    assert client.lrange(KEYS.suspects(DAEMON), 0, -1) == suspects


@pytest.mark.parametrize("command", ["lpop", "hset", "evalsha"])
def test_a_missing_right_is_refused(server: Server, client: redis.Redis, command: str) -> None:
    """A user without a right that reserving needs gets an error that asks for a person."""
    client.execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all")
    push(client, "mail", *numbered(1))
    link = Link(with_user(server, "worker", "pw"))
    owner = owner_of(link)
    owner.exchange(Outbox(), Want(0))
    client.execute_command("ACL", "SETUSER", "worker", f"-{command}")
    with pytest.raises(StoreRefused, match="worker"):
        owner.exchange(Outbox(), Want(1, MAIL))
    link.close()
    assert queued(client) == numbered(1)


def test_a_silent_peer_is_noticed_within_the_timeout(tmp_path: Path) -> None:
    """A server that accepts and then says nothing costs no more than the socket timeout."""
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        link = Link(ConnectionConfig.from_url(f"unix://{path}", socket_timeout=0.2))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            link.call("PING")
        assert time.monotonic() - began < 2


def answer(listener: socket.socket, reply: bytes) -> None:
    with listener.accept()[0] as peer:
        peer.recv(4096)
        peer.sendall(reply)
        peer.recv(4096)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.0.16\r\n", StoreRefused),
        (b"-ERR unknown command `HELLO`, with args beginning with: `2`\r\n", StoreRefused),
        (b"-ERR max number of clients reached\r\n", StoreUnavailable),
        (b"-LOADING Redis is loading the dataset in memory\r\n", StoreUnavailable),
        (b"-DENIED Redis is running in protected mode\r\n", StoreRefused),
        (b"HTTP/1.1 400 Bad Request\r\n", NotSent),
    ],
)
def test_a_greeting_decides_whether_to_try_again(
    tmp_path: Path, reply: bytes, error: type[StoreError]
) -> None:
    """What a server that does not let us in says is either 'later' or 'needs a person', with its address."""
    path = tmp_path / "odd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener, reply))
        thread.start()
        with pytest.raises(StoreError) as caught:
            Link(ConnectionConfig.from_url(f"unix://{path}", socket_timeout=2)).call("PING")
        thread.join(10)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
