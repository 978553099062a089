"""The locks of Ruby's plugins go as jobs are reserved; where that fails, the same jobs come again."""

import pytest
import redis

from resqd.errors import StoreError
from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.plugin_locks import PluginLocks, digest
from tests.system.store.conftest import incarnation

RAW = b'{"class":"U","args":[1]}'
LOCKS = [b"resque:%b:queue:mail:job:%b" % (plugin, digest(RAW) or b"") for plugin in (b"loners", b"solo")]
WANT = Want(9, (("mail", 0),))


@pytest.fixture
def owner(link: Link, redis_client: redis.Redis) -> Inflight:
    """With a job in its queue that both plugins have locked."""
    redis_client.rpush("resque:queue:mail", RAW)
    for lock in LOCKS:
        redis_client.set(lock, 1)
    return Inflight(
        link=link, keys=Keys(), incarnation=incarnation(1), worker_id="w", locks=PluginLocks("resque")
    )


def test_the_locks_are_gone_before_the_job_is_handed_out(owner: Inflight, redis_client: redis.Redis) -> None:
    """Those of others stay."""
    redis_client.set("resque:solo:queue:mail:job:other", 1)
    [reservation] = owner.exchange(Outbox(), WANT).batch
    assert reservation[2] == RAW
    assert redis_client.keys("resque:*:job:*") == [b"resque:solo:queue:mail:job:other"]


def test_where_they_cannot_be_deleted_the_job_comes_again(
    owner: Inflight, link: Link, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would block Ruby's producers for ever."""

    def refuse(*_command: object) -> None:
        raise StoreError("no")

    with monkeypatch.context() as patch:
        patch.setattr(link, "call", refuse)
        with pytest.raises(StoreError):
            owner.exchange(Outbox(), WANT)
    assert redis_client.exists(*LOCKS) == 2
    [reservation] = owner.exchange(Outbox()).batch
    assert reservation[2] == RAW
    assert redis_client.exists(*LOCKS) == 0
