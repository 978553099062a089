"""TLS: the lean connection, the doorbell and redis-py's client over one port, with certificates of our own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resqd.errors import StoreError, StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.tracking import Doorbell
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.store import Store
from tests.support.server import Server
from tests.support.tls_front import TlsFront


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and a certificate for localhost, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine's PATH")
    folder = tmp_path_factory.mktemp("authority")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def url(authority: Path, valkey_server: Server, redis_url: str) -> Iterator[str]:
    """The URL of a port that speaks TLS only, and trusts it; behind it is the tests' empty server."""
    database = redis_url.partition("?db=")[2]
    with TlsFront(
        valkey_server.socket, certificate=authority / "cert.pem", key=authority / "key.pem"
    ) as front:
        yield f"rediss://localhost:{front.port}/{database}?ssl_ca_certs={authority}/cert.pem"


def test_long_replies_come_whole(url: str) -> None:
    """What TLS has decrypted but not handed out yet is not waited for."""
    link = Link(ConnectionConfig.from_url(url))
    text = b"x" * 300_000
    link.call("SET", "long", text)
    assert link.pipeline([("GET", "long"), ("GET", "long"), ("DEL", "long")]) == [text, text, 1]
    link.close()


def test_the_bell_rings_and_the_books_are_read(url: str) -> None:
    """A push over one connection rings the doorbell on another, and redis-py reads the queue over a third."""
    doorbell = Doorbell(config=ConnectionConfig.from_url(url), keys=Keys(), queues=["mail"])
    doorbell.connect()
    doorbell.arm()
    store = Store.of(url=url, namespace="resque")
    store.push("mail", [b"{}"])
    doorbell.receive()
    assert doorbell.heard()
    assert store.books.queues.sizes() == {"mail": 1}
    doorbell.close()
    store.close()


def test_silence_is_noticed(url: str) -> None:
    """The time limit of a socket holds for TLS as well."""
    link = Link(ConnectionConfig.from_url(url, socket_timeout=0.2))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        link.call("BLPOP", "nothing", 5)


def test_a_server_that_nobody_vouches_for_is_not_used(url: str) -> None:
    """Without the authority the certificate proves nothing; the error says so and names the server."""
    plain, _, _ = url.partition("?")
    with pytest.raises(StoreUnavailable, match=r"rediss://localhost:.*certificate"):
        Link(ConnectionConfig.from_url(plain)).call("PING")
    unchecked = Link(ConnectionConfig.from_url(f"{plain}?ssl_cert_reqs=none"))
    assert unchecked.call("PING") == b"PONG"
    unchecked.close()


@pytest.fixture
def strict(authority: Path, valkey_server: Server, redis_url: str) -> Iterator[str]:
    """The URL of a port that wants a certificate of its clients, without ours; our key is encrypted."""
    convert = ["openssl", "rsa", "-aes256", "-passout", "pass:secret"]
    files = ["-in", str(authority / "key.pem"), "-out", str(authority / "locked.pem")]
    subprocess.run([*convert, *files], check=True, capture_output=True)
    (authority / "password").write_text("secret\n")
    certificate, key = authority / "cert.pem", authority / "key.pem"
    with TlsFront(valkey_server.socket, certificate=certificate, key=key, clients=certificate) as front:
        database = redis_url.partition("?db=")[2]
        yield f"rediss://localhost:{front.port}/{database}?ssl_ca_certs={certificate}"


def test_a_certificate_of_our_own_opens_the_door(strict: str, authority: Path) -> None:
    """With its encrypted key, whose password stands in a file; for the lean connection and for redis-py."""
    own = f"&ssl_certfile={authority}/cert.pem&ssl_keyfile={authority}/locked.pem"
    url = f"{strict}{own}&ssl_password_file={authority}/password&ssl_min_version=TLSv1.3"
    store = Store.of(url=url, namespace="resque")
    store.push("mail", [b"{}"])
    assert store.books.queues.sizes() == {"mail": 1}
    store.close()
    with pytest.raises(StoreUnavailable, match=r"cannot reach Redis|does not answer"):
        Link(ConnectionConfig.from_url(strict)).call("PING")
    with pytest.raises(StoreError, match=r"locked.pem does not open.*give ssl_password_file"):
        Link(ConnectionConfig.from_url(strict + own))


def test_a_file_that_is_missing_is_named(strict: str) -> None:
    """OpenSSL only says that there is none."""
    with pytest.raises(StoreError, match=r"ssl_certfile=/none.pem is missing"):
        Link(ConnectionConfig.from_url(f"{strict}&ssl_certfile=/none.pem"))


def test_ciphers_are_chosen(strict: str, authority: Path) -> None:
    """What OpenSSL does not know is refused, not left out."""
    own = f"&ssl_certfile={authority}/cert.pem&ssl_keyfile={authority}/key.pem"
    link = Link(ConnectionConfig.from_url(f"{strict}{own}&ssl_ciphers=ECDHE-RSA-AES256-GCM-SHA384"))
    assert link.call("PING") == b"PONG"
    link.close()
    with pytest.raises(StoreError, match="cipher"):
        Link(ConnectionConfig.from_url(f"{strict}&ssl_ciphers=nonsense"))
