"""A queue named mail, its payloads and an owner that reserves from it: what the tests of jobs in flight share."""

from typing import cast

import redis

from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.keys import Keys
from tests.system.store.conftest import DAEMON

MAIL = (("mail", 0),)
MAIL_KEY = "resque:queue:mail"


def push(client: redis.Redis, queue: str, *payloads: bytes) -> None:
    client.rpush(f"resque:queue:{queue}", *payloads)


def numbered(count: int) -> list[bytes]:
    return [b'{"class":"Noop","args":[%d]}' % number for number in range(count)]


def forgiven(count: int, times: int = 1) -> list[bytes]:
    """The same jobs after losses that nobody was charged for."""
    return [b'{"deliveries":0,"recoveries":%d,' % times + payload[1:] for payload in numbered(count)]


def reserve(owner: Inflight, want: Want) -> list[tuple[int, str, bytes]]:
    return owner.exchange(Outbox(), want).batch


def payloads(batch: list[tuple[int, str, bytes]]) -> list[bytes]:
    return [payload for _, _, payload in batch]


def queued(client: redis.Redis, queue: str = "mail") -> list[bytes]:
    return cast("list[bytes]", client.lrange(f"resque:queue:{queue}", 0, -1))


def seq_of(client: redis.Redis, fork: int) -> bytes | None:
    return cast("bytes | None", client.hget(Keys().inflight(DAEMON, f"e0.{fork}"), "!seq"))
