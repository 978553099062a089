"""The configuration of connections."""

import pytest

from resqd.errors import StoreUnavailable
from resqd.store.connection import ConnectionConfig
from resqd.store.keys import Keys
from resqd.store.scripts import PackedKeys, Script, ScriptCall, pack_command


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://u:s3cret@example.com:7000/3", "redis://example.com:7000/3"),
        ("rediss://:s3cret@example.com", "rediss://example.com:6379/0"),
        ("redis://", "redis://localhost:6379/0"),
        ("unix://u:s3cret@/run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
        (
            "redis://example.com?password=s3cret&max_connections=5&socket_timeout=3",
            "redis://example.com:6379/0",
        ),
    ],
)
def test_the_description_names_the_server_and_no_password(url: str, text: str) -> None:
    """Logs, titles and status show this text."""
    assert ConnectionConfig.from_url(url).describe() == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://s3cret@x",
        "redis://:s3cret/pa@host:x",
        "redis://h?s3cret=1",
        "redis://h?db=s3cret",
        "s3cret",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str) -> None:
    """Neither the message nor its cause holds any part of what may be a password."""
    with pytest.raises(ValueError, match="not a Redis URL") as caught:
        ConnectionConfig.from_url(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_server_that_is_not_there_is_unavailable(unused_socket: str) -> None:
    """Opening connects to nothing; the first command says where Redis is missing."""
    link = ConnectionConfig.from_url(f"unix://u:s3cret@{unused_socket}").open()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=unused_socket) as caught:
            link.call("PING")
        assert "s3cret" not in str(caught.value)


@pytest.fixture
def unused_socket(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("none") / "redis.sock")


def test_commands_are_packed_as_redis_reads_them() -> None:
    """Text, bytes, numbers, and names that are not UTF-8."""
    assert pack_command(("GET", b"\xff", 12)) == b"*3\r\n$3\r\nGET\r\n$1\r\n\xff\r\n$2\r\n12\r\n"
    assert pack_command(("\udcff",)) == b"*1\r\n$1\r\n\xff\r\n"


def test_a_script_call_is_one_command() -> None:
    """The keys that were packed once stand where EVALSHA wants them."""
    script = Script("x", "return 1", "a" * 40)
    call = ScriptCall(script, PackedKeys.of("k1", "k2"), (1, b"v"))
    assert call.packed() == pack_command(("EVALSHA", "a" * 40, 2, "k1", "k2", 1, b"v"))


def test_keys_are_those_of_resque() -> None:
    """Names that Ruby reads and writes too."""
    keys = Keys("ns")
    assert keys.queue("mail") == "ns:queue:mail" == keys.queue_prefix + "mail"
    assert (keys.queues, keys.failed, keys.stat("processed")) == (
        "ns:queues",
        "ns:failed",
        "ns:stat:processed",
    )
    assert (keys.failed_queue("mail"), keys.failed_queues) == ("ns:mail_failed", "ns:failed_queues")
    assert (keys.workers, keys.heartbeats) == ("ns:workers", "ns:workers:heartbeat")
    assert keys.worker("h:1:q") == "ns:worker:h:1:q"
    assert keys.worker_started("h:1:q") == "ns:worker:h:1:q:started"
    assert keys.worker_threads("h:1:q") == "ns:worker:h:1:q:threads"
    assert keys.worker_thread("h:1:q", 7, 2) == "ns:worker:h:1:q:7:2"
    assert keys.worker_kills("h:1:q", 7) == "ns:worker:h:1:q:7:kills"
