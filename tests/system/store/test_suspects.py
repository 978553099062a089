"""How suspects are taken, against a real server."""

import redis

from resqd.store.inflight.owner import Want
from resqd.store.keys import Keys
from tests.system.store.conftest import DAEMON, OwnerMaker
from tests.system.store.mail import payloads, reserve

SUSPECTS = Keys().suspects(DAEMON)


def test_suspects_of_closed_queues_stay_where_they_are(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """The others are taken in order, equal ones too, and the retry after a lost reply brings the same."""
    entries = [b"4:slowa", b"4:mailb", b"3:lowc", b"4:slowd", b"3:lowc", b"4:maile"]
    redis_client.rpush(SUSPECTS, *entries)
    owner = make_owner(source="suspects")
    assert payloads(reserve(owner, Want(2, closed=("slow", "low")))) == [b"b", b"e"]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:slowa", b"3:lowc", b"4:slowd", b"3:lowc"]
    assert payloads(reserve(owner, Want(1, closed=("slow",)))) == [b"c"]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:slowa", b"4:slowd", b"3:lowc"]
    assert payloads(reserve(owner, Want(9, closed=("slow", "low")))) == []
    assert payloads(reserve(owner, Want(9))) == [b"a", b"d", b"c"]
