"""The owner's side of jobs in flight, against a real server."""

import redis

from resqd.store.inflight import Failure, Outbox, Return, Want
from resqd.store.keys import Keys
from tests.system.store.conftest import OwnerMaker

MAIL = (("mail", 0),)


def push(client: redis.Redis, queue: str, *payloads: bytes) -> None:
    client.rpush(f"resque:queue:{queue}", *payloads)


def numbered(count: int) -> list[bytes]:
    return [b'{"class":"Noop","args":[%d]}' % number for number in range(count)]


def test_a_batch_is_reserved_acknowledged_and_counted(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Jobs come in order; done ones are counted for the daemon and the worker, failed ones in both stats."""
    push(redis_client, "mail", *numbered(5))
    owner = make_owner()
    batch = owner.exchange(Outbox(), Want(5, MAIL)).batch
    assert [payload for _, _, payload in batch] == numbered(5)
    assert {queue for _, queue, _ in batch} == {"mail"}
    tokens = [token for token, _, _ in batch]
    outbox = Outbox(
        done=tokens[:2],
        failed=[Failure(tokens[2], b"record", (Keys().failed,)), Failure(tokens[3], None)],
        returned=[Return(tokens[4])],
    )
    result = owner.exchange(outbox)
    assert (result.processed, result.failed, result.returned) == (4, 2, 1)
    assert not outbox
    assert redis_client.get("resque:stat:processed") == b"4"
    assert redis_client.get("resque:stat:processed:host:1:mail:1:1:1") == b"4"
    assert redis_client.get("resque:stat:failed") == b"2"
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
    assert redis_client.lrange("resque:queue:mail", 0, -1) == numbered(5)[4:]
    assert owner.close() == 0
    assert not redis_client.keys("resque:resqd:*")
