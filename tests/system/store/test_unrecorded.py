"""Failures whose records no list takes: they wait beside their jobs, for their owner and after it."""

from collections.abc import Callable

import pytest
import redis

from resqd.errors import StoreUnavailable
from resqd.store.inflight.owner import Failure, Outbox, Recorded, Want
from resqd.store.inflight.recovery import Recovered, Recovery
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from tests.support.waiting import wait_for
from tests.system.store.conftest import OwnerMaker, incarnation
from tests.system.store.mail import MAIL, numbered, payloads, push, queued, reserve
from tests.system.store.test_inflight_faults import lose_next_reply


def test_a_refused_failure_record_waits_beside_its_job(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failed list of a wrong type stops nothing else; the job counts once, is ours no more, and is recorded later."""
    push(redis_client, "mail", *numbered(5))
    link = open_link()
    owner = make_owner(over=link)
    done, failed, other = (token for token, _, _ in reserve(owner, Want(3, MAIL)))
    redis_client.set("resque:failed", "not a list")
    records = [
        Failure(failed, b"refused", (Keys().failed,), "mail_failed"),
        Failure(other, b"taken", ("resque:other",)),
    ]
    outbox = Outbox([done], [*records])
    lose_next_reply(link, monkeypatch)
    with pytest.raises(StoreUnavailable):
        owner.exchange(outbox)
    wait_for(lambda: redis_client.get("resque:stat:failed") == b"2")
    result = owner.exchange(outbox, Want(1, MAIL))
    assert not outbox
    assert payloads(result.batch) == numbered(5)[3:4]
    assert (result.failed, result.withheld) == (0, 1)
    assert result.refusal.startswith("resque:failed: WRONGTYPE")
    assert owner.look() == {result.batch[0][0]}
    assert owner.record() == Recorded(0, 1, result.refusal)
    redis_client.delete("resque:failed")
    assert owner.record() == Recorded(1, 0, "")
    assert redis_client.lrange("resque:failed", 0, -1) == [b"refused"]
    assert redis_client.smembers("resque:failed_queues") == {b"mail_failed"}
    assert redis_client.lrange("resque:other", 0, -1) == [b"taken"]
    assert redis_client.get("resque:stat:failed") == b"2"
    assert redis_client.get("resque:stat:processed") == b"3"
    assert owner.close([]).returned == 1


def test_what_could_not_be_recorded_outlives_its_owner(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """At the good-bye it stays in flight and does not run again; recovery records it, here or after a kill."""
    push(redis_client, "mail", *numbered(4))
    redis_client.set("resque:failed", "not a list")
    for fork in (1, 2):
        owner = make_owner(fork=fork)
        (token, _, _), _second = reserve(owner, Want(2, MAIL))
        record = b"\x00\r\n1:x%d" % fork
        assert owner.exchange(Outbox(failed=[Failure(token, record, (Keys().failed,))])).withheld == 1
        if fork == 1:
            assert owner.close([]).returned == 1
    assert queued(redis_client) == numbered(4)[3:]
    assert recovery.recover(incarnation(1), {}).kept == 1
    redis_client.delete("resque:failed")
    assert recovery.recover(incarnation(1), {}) == Recovered(recorded=1)
    assert recovery.recover(incarnation(2), {}) == Recovered(requeued=1, recorded=1)
    assert redis_client.lrange("resque:failed", 0, -1) == [b"\x00\r\n1:x1", b"\x00\r\n1:x2"]
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]
    assert redis_client.get("resque:stat:failed") == b"2"
