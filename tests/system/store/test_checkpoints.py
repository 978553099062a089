"""How far a job has come, beside it in flight, on a real server."""

import base64
import json
from typing import Any

import pytest
import redis

from resqd.errors import Fenced
from resqd.store.inflight.owner import Failure, Outbox, Postpone, Return, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.inflight.tokens import attempts, cursor, split_entry, token_text, uncounted
from resqd.store.inflight.verdict import Charge
from resqd.store.keys import Keys
from resqd.store.resque.payload import decode
from tests.system.store.conftest import OwnerMaker, incarnation
from tests.system.store.mail import MAIL, push, queued, reserve

_PLAIN = b'{"class":"Mail","args":[1],"id":"f00d"}'
_NAMELESS = b'{"class":"Mail","args":[1]}'
_LOST = (
    b'{"deliveries":2,"recoveries":1,"attempts":4,"passed":3,"resqd":{"timeout":5},"class":"Mail","args":[]}'
)
_FAR = base64.b64encode(b'"' + b"x" * 65_534 + b'"')


@pytest.mark.parametrize("raw", [_PLAIN, _NAMELESS, _LOST, b' {\n"class":"Mail"}'])
def test_it_goes_back_with_the_job(make_owner: OwnerMaker, redis_client: redis.Redis, raw: bytes) -> None:
    """The last one, told before the return; its losses are forgotten, and every other byte stays."""
    push(redis_client, "mail", raw)
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    owner.exchange(Outbox(checkpoints={token: b"MQ=="}))
    owner.exchange(Outbox(checkpoints={token: _FAR}, returned=[Return(token)]))
    [back] = queued(redis_client)
    assert cursor(back) == _FAR
    assert uncounted(back) == uncounted(raw)
    assert attempts(back) == attempts(raw)
    marks = decode(back).marks
    assert marks is not None
    assert (marks.deliveries, marks.cursor, marks.begun) == (0, _FAR, True)


def test_it_goes_along_to_a_later_try_under_a_new_id(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Behind the number of tries, and before the id that a job gets which has none."""
    push(redis_client, "mail", _NAMELESS)
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    later = Postpone(token, 60, "retry", "new", new_id="new")
    owner.exchange(Outbox(checkpoints={token: b"MQ=="}, postponed=[later]))
    entries: Any = redis_client.hvals(Keys().later_jobs)
    _, raw = split_entry(entries[0])
    assert raw == b'{"deliveries":0,"attempts":1,"cursor":"MQ==","id":"new","class":"Mail","args":[1]}'
    assert cursor(raw) == b"MQ=="


def test_a_crash_without_a_step_forward_counts(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """The same cursor again is no progress, another one is."""
    push(redis_client, "mail", _PLAIN)
    for fork, (step, told) in enumerate([(b"MQ==", 1), (b"MQ==", 2), (b"Mg==", 1)], 50):
        owner = make_owner(fork=fork)
        [(token, _, _)] = reserve(owner, Want(1, MAIL))
        owner.exchange(Outbox(checkpoints={token: step}))
        recovery.recover(incarnation(fork), {token: Charge()})
        [back] = queued(redis_client)
        assert (json.loads(back)["deliveries"], cursor(back)) == (told, step)


def test_nothing_comes_back_to_life(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """A checkpoint of a job that has ended, or behind a fence, changes nothing."""
    push(redis_client, "mail", _PLAIN, _PLAIN)
    owner = make_owner(fork=60)
    ended, taken = (token for token, _, _ in reserve(owner, Want(2, MAIL)))
    owner.exchange(Outbox(done=[ended]))
    owner.exchange(Outbox(checkpoints={ended: b"MQ=="}))
    inflight = Keys().inflight(incarnation(60).daemon, incarnation(60).id)
    assert not redis_client.hexists(inflight, token_text(ended))
    recovery.recover(incarnation(60), {})
    with pytest.raises(Fenced):
        owner.exchange(Outbox(checkpoints={taken: b"MQ=="}))
    assert queued(redis_client) == [_PLAIN]
    assert not redis_client.exists(inflight)


def test_who_judges_a_death_sees_the_job_itself(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """However long the cursor before it, records are made of the whole job, and say nothing of the cursor."""
    push(redis_client, "mail", _PLAIN)
    owner = make_owner(fork=70)
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    owner.exchange(Outbox(checkpoints={token: _FAR}))
    held = recovery.inspect(incarnation(70), [token]).held[token]
    assert uncounted(held.payload) == _PLAIN
    assert cursor(held.payload) == b""
    owner.exchange(Outbox(failed=[Failure(token, b"record", (Keys().failed,))]))
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
