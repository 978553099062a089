"""The configuration of connections."""

import subprocess
import sys
from pathlib import Path

import pytest

from resqd.errors import StoreRefused, StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.redis.client import redis_client
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall, pack_command
from resqd.store.redis.url import ConnectionConfig


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
        ("redis://[::1]:7000?db=4", "redis://[::1]:7000/4"),
        ("unix:///run/a%20b.sock", "unix:///run/a b.sock?db=0"),
        ("rediss://example.com:7000/1?ssl_cert_reqs=none", "rediss://example.com:7000/1"),
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
        "redis://h/s3cret",
        "redis://h?db=-1",
        "redis://h?socket_timeout=0",
        "redis://h?ssl_ca_certs=s3cret",
        "rediss://h?ssl_cert_reqs=s3cret",
        "rediss://h?ssl_s3cret=1",
        "unix://?db=1",
        "s3cret",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str) -> None:
    """Neither the message nor its cause holds any part of what may be a password."""
    with pytest.raises(ValueError, match="not a Redis URL") as caught:
        ConnectionConfig.from_url(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_url_says_who_we_are_and_how_long_to_wait() -> None:
    """User and password, also with escaped characters, and redis-py's names for the times."""
    config = ConnectionConfig.from_url(
        "redis://me%40home:p%2Fw@h/2?socket_timeout=1.5&socket_connect_timeout=2"
    )
    assert (config.username, config.password, config.db) == ("me@home", "p/w", 2)
    assert (config.socket_timeout, config.connect_timeout) == (1.5, 2.0)
    assert "p/w" not in repr(config)


def test_redis_py_is_told_the_same(tmp_path: Path) -> None:
    """The client of the books has the configuration's place, user, times and options of TLS."""
    (tmp_path / "ca.pem").touch()
    url = f"rediss://u:pw@h:7000/3?ssl_ca_certs={tmp_path}/ca.pem&ssl_check_hostname=no&socket_timeout=2"
    told = redis_client(ConnectionConfig.from_url(url)).connection_pool.connection_kwargs
    assert {
        name: told[name] for name in ("host", "port", "db", "username", "password", "socket_timeout")
    } == {
        "host": "h",
        "port": 7000,
        "db": 3,
        "username": "u",
        "password": "pw",
        "socket_timeout": 2.0,
    }
    assert (told["ssl_ca_certs"], told["ssl_check_hostname"]) == (f"{tmp_path}/ca.pem", False)
    told = redis_client(
        ConnectionConfig.from_url("unix:///run/r.sock?db=1")
    ).connection_pool.connection_kwargs
    assert (told["path"], told["db"]) == ("/run/r.sock", 1)


def test_tls_that_cannot_be_set_up_needs_a_person(tmp_path: Path) -> None:
    """A file that is not there is said at once, not at each try to connect."""
    config = ConnectionConfig.from_url(f"rediss://:s3cret@h?ssl_ca_certs={tmp_path}/none.pem")
    with pytest.raises(StoreRefused, match="TLS for Redis at rediss://h:6379/0") as caught:
        Link(config)
    assert "s3cret" not in str(caught.value)


def test_a_daemon_and_a_producer_carry_no_redis_py() -> None:
    """It would be more than half of what each fork has to copy: only what looks at the queues imports it."""
    program = (
        "import sys, resqd, resqd.cli.resqd, resqd.app; app = resqd.App('redis://h'); app.store;"
        "heavy = {'redis', 'asyncio', 'ssl'} & set(sys.modules); sys.exit(f'{heavy}' if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_server_that_is_not_there_is_unavailable(unused_socket: str) -> None:
    """Opening connects to nothing; the first command says where Redis is missing."""
    link = Link(ConnectionConfig.from_url(f"unix://u:s3cret@{unused_socket}"))
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
    script = Script("x", ("return 1",), "a" * 40)
    call = ScriptCall(script, PackedKeys.of("k1", "k2"), (1, b"v"))
    assert call.packed == pack_command(("EVALSHA", "a" * 40, 2, "k1", "k2", 1, b"v"))


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
