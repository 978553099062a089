"""What the store's tests share: a link, the keys, and an owner of jobs in flight."""

from collections.abc import Callable, Iterator

import pytest
import redis

from resqd.store.inflight.incarnation import Incarnation
from resqd.store.inflight.owner import Inflight, Outbox, Source, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig

DAEMON = "host.example/resqd"


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def open_link(redis_url: str) -> Iterator[Callable[[], Link]]:
    """Opens links to the test's database, and closes them at its end."""
    opened: list[Link] = []

    def open_one() -> Link:
        opened.append(Link(ConnectionConfig.from_url(redis_url)))
        return opened[-1]

    yield open_one
    for link in opened:
        link.close()


@pytest.fixture
def link(open_link: Callable[[], Link]) -> Link:
    return open_link()


@pytest.fixture
def recovery(link: Link, keys: Keys) -> Recovery:
    return Recovery(link=link, keys=keys)


OwnerMaker = Callable[..., Inflight]


@pytest.fixture
def make_owner(link: Link, keys: Keys) -> OwnerMaker:
    """Makes an owner that Redis knows; each has its own fork number, or the one that is asked for."""
    forks = iter(range(1, 1000))

    def make(
        *, over: Link | None = None, source: Source = "queues", fork: int | None = None, known: bool = True
    ) -> Inflight:
        owner = Inflight(
            link=over or link,
            keys=keys,
            incarnation=incarnation(next(forks) if fork is None else fork),
            worker_id="host:1:mail:1:1:1",
            source=source,
        )
        if known:
            owner.exchange(Outbox(), Want(0))
        return owner

    return make


def beat(client: redis.Redis, life: str) -> None:
    client.hincrby(Keys().daemons, life, 1)


def incarnation(fork: int) -> Incarnation:
    return Incarnation(daemon=DAEMON, epoch="e0", fork=fork, pid=100 + fork, start_time=7, place="b")
