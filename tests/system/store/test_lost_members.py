"""A sweep for members of batches whose jobs others have taken away."""

from collections.abc import Sequence

import pytest
import redis

from resqd.store.batches.batches import Batches
from resqd.store.batches.filling import Facts, Filler, Item, Lineage, entry_of
from resqd.store.inflight.owner import Want
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.lost import LostMembers
from tests.system.store.conftest import OwnerMaker, beat
from tests.system.store.mail import MAIL, reserve

KEYS = Keys()


def member(batch_id: str, name: str) -> Item:
    raw = '{"resqd":{"owes":{"batch":"%s %s"}},"class":"Noop","args":[]}' % (name, batch_id)  # noqa: UP031 - braces
    return Item("mail", name, raw.encode())


def fill(link: Link, batch_id: str, names: Sequence[str]) -> None:
    told = f"told-{batch_id}", entry_of("told", b'{"class":"Told","args":[]}')
    filler = Filler(link, KEYS, Lineage((batch_id,)), facts=Facts("", None, told, {}), member="")
    filler.add((), [member(batch_id, name) for name in names], seal=True)


@pytest.fixture
def lost(link: Link) -> LostMembers:
    return LostMembers(link, KEYS)


def sweep(lost: LostMembers, age: float = -1.0) -> int:
    absent = lost.old(age)
    for _ in range(2):
        for _ in lost.scan(absent):
            pass
    return lost.release(absent)


def test_a_batch_ends_whose_jobs_others_have_taken(
    link: Link, lost: LostMembers, redis_client: redis.Redis, make_owner: OwnerMaker
) -> None:
    """Once, and with its callback; what waits, runs or is to run later is not given up, nor a young batch."""
    beat(redis_client, "host.example/resqd:e0")
    fill(link, "b", ["a", "b", "c", "d"])
    fill(link, "other", ["x"])
    batches = Batches(link, KEYS)
    assert reserve(make_owner(fork=1), Want(1, MAIL))
    assert redis_client.lpop("resque:queue:mail"), "as Ruby pops, and lrem and del take away"
    redis_client.lrem("resque:queue:mail", 1, member("b", "c").raw)  # type: ignore[arg-type] # bytes are taken too
    assert sweep(lost, age=600.0) == 0
    assert sweep(lost) == 2
    status = batches.get("b")
    assert status is not None
    assert (status.pending, status.skipped, status.done) == (2, 2, None)
    assert sweep(lost) == 0
    redis_client.delete("resque:queue:mail", *redis_client.keys("*inflight*"))
    assert sweep(lost) == 3
    for batch_id in ("b", "other"):
        ended = batches.get(batch_id)
        assert ended is not None
        assert (ended.pending, ended.done is not None) == (0, True)
    assert sweep(lost) == 0
    assert redis_client.zcard(KEYS.later) == 2, "both were told, once"


def test_a_batch_that_goes_on_meanwhile_is_left_alone(
    link: Link, lost: LostMembers, redis_client: redis.Redis
) -> None:
    """A job that was missed twice as it moved is none that is lost."""
    fill(link, "b", ["a", "b"])
    redis_client.delete("resque:queue:mail")
    absent = lost.old(-1.0)
    assert set(absent) == {("b", "a"), ("b", "b")}
    redis_client.srem(KEYS.batch("b")[1], "a")
    assert lost.release(absent) == 0
    assert sweep(lost) == 1
