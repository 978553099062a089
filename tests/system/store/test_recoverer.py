"""The housekeeper's recovery over a real server: what hinders one incarnation hinders no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from resqd.errors import StoreError
from resqd.housekeeper import recovery as module
from resqd.housekeeper.farewells import Farewells
from resqd.housekeeper.inquest import Culprits, Inquest
from resqd.housekeeper.recovery import Recoverer
from resqd.store.debts import owed_by
from resqd.store.inflight.owner import Dismiss, Failure, Outbox, Want
from resqd.store.inflight.recovery import Convict, Done
from resqd.store.keys import Keys
from resqd.wire.messages import Alive, Death, Farewell, Settled
from tests.support.inquests import OneRule
from tests.system.store.conftest import DAEMON
from tests.system.store.mail import MAIL, MAIL_KEY, forgiven, numbered, push, queued, reserve

if TYPE_CHECKING:
    import redis

    from resqd.store.inflight.incarnation import Incarnation
    from resqd.store.inflight.recovery import Held, Recovery
    from tests.system.store.conftest import OwnerMaker

FAILED = (Keys().failed,)


class Recording(OneRule):
    """Convicts at the first crash, with a record that names the job's payload alone."""

    def __init__(self) -> None:
        super().__init__(patience=3, fail=True)

    def convict(self, held: Held, _why: str) -> Convict:
        return Convict(b"record of " + held.payload, FAILED)

    def done(self, held: Held) -> Done:
        return Done(debts=owed_by(held.payload))


@pytest.fixture
def told() -> list[bytes]:
    """The payloads of the convicted, as the application is told of them."""
    return []


@pytest.fixture
def farewells() -> Farewells:
    return Farewells(clock=lambda: 0.0)


@pytest.fixture
def recoverer(recovery: Recovery, told: list[bytes], farewells: Farewells) -> Recoverer:
    return Recoverer(
        recovery=recovery,
        daemon=DAEMON,
        epoch="e0",
        gone=lambda _incarnation: True,
        inquest=Inquest(
            recovery=recovery,
            culprits=cast(Culprits, Recording()),
            convicted=lambda pairs: told.extend(_payload(*pair) for pair in pairs),
            retried=lambda _again: None,
        ),
        farewells=farewells,
        clock=lambda: 0.0,
    )


def _payload(held: Held, record: bytes) -> bytes:
    assert record == b"record of " + held.payload
    return held.payload


def death(fork: int, token: int) -> Death:
    return Death(fork, 1, (token,), (), blamed=True, probation=False, reason="died")


def test_one_that_cannot_be_recovered_stops_no_other(
    recoverer: Recoverer, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """The trouble is raised, so that the account is kept, after all the others have been put away."""
    push(redis_client, "mail", *numbered(3))
    for fork in (1, 2, 3):
        reserve(make_owner(fork=fork), Want(1, MAIL))
    broken = Keys().inflight(DAEMON, "e0.2")
    redis_client.rename(broken, "elsewhere")
    redis_client.set(broken, "not a hash")
    alive = Alive(3, (), ())
    with pytest.raises(StoreError, match="WRONGTYPE"):
        recoverer.run(alive)
    assert sorted(queued(redis_client)) == [forgiven(3)[0], forgiven(3)[2]]
    redis_client.rename("elsewhere", broken)
    assert recoverer.run(alive) == Settled(())
    assert sorted(queued(redis_client)) == forgiven(3)


def test_a_conviction_is_told_once_and_recorded_later(
    recoverer: Recoverer, make_owner: OwnerMaker, redis_client: redis.Redis, told: list[bytes]
) -> None:
    """A failed list that refuses it keeps it in flight; retries that find the list mended put it there."""
    push(redis_client, "mail", *numbered(1))
    [(token, _, payload)] = reserve(make_owner(fork=1), Want(1, MAIL))
    redis_client.set("resque:failed", "not a list")
    assert recoverer.run(Alive(1, (), (death(1, token),))) == Settled((1,))
    assert told == [payload]
    recoverer.run(Alive(2, (), ()))
    recoverer.retry()
    assert queued(redis_client) == []
    redis_client.delete("resque:failed")
    recoverer.retry()
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record of " + payload]
    assert told == [payload]
    assert redis_client.keys("resque:resqd:inflight:*") == []


def test_retries_are_bounded_until_one_succeeds(
    recoverer: Recoverer,
    make_owner: OwnerMaker,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands of recycled workers may have left such jobs; each look tries a few, and all once the list is mended."""
    monkeypatch.setattr(module, "RETRIES", 2)
    push(redis_client, "mail", *numbered(5))
    redis_client.set("resque:failed", "not a list")
    for fork in range(1, 6):
        owner = make_owner(fork=fork)
        [(token, _, _)] = reserve(owner, Want(1, MAIL))
        owner.exchange(Outbox(failed=[Failure(token, b"r", FAILED)]))
    recoverer.run(Alive(5, (), ()))
    tried: list[str] = []
    recover = recoverer._recover

    def counted(incarnation: Incarnation, death: Death | None) -> None:
        tried.append(incarnation.id)
        recover(incarnation, death)

    monkeypatch.setattr(recoverer, "_recover", counted)
    recoverer.retry()
    assert len(tried) == 2
    redis_client.delete("resque:failed")
    recoverer.retry()
    assert redis_client.llen("resque:failed") == 5
    assert redis_client.keys("resque:resqd:inflight:*") == []


def test_what_redis_forgot_of_a_worker_that_has_left_does_not_run_again(
    recoverer: Recoverer, make_owner: OwnerMaker, redis_client: redis.Redis, farewells: Farewells
) -> None:
    """Its hash is back as it was: what it had ended is counted and settled, and the rest goes to the queue."""
    fingerprint = b"f" * 32
    owing = b'{"resqd":{"owes":{"unique":"%b id"}},"class":"Noop","args":[],"id":"id"}' % fingerprint
    push(redis_client, "mail", *numbered(3), owing)
    redis_client.hset(Keys().unique, fingerprint, "1 id")
    owner = make_owner(fork=1)
    tokens = [token for token, _, _ in reserve(owner, Want(4, MAIL))]
    places = (Keys().inflight(DAEMON, "e0.1"), Keys().index(DAEMON))
    before = {key: redis_client.dump(key) for key in places}
    dismissed = Dismiss(tokens[3], "done", debts=owed_by(owing))
    owner.exchange(Outbox(done=[tokens[0]], dismissed=[dismissed]))
    owner.close([tokens[2]])
    redis_client.hset(Keys().unique, fingerprint, "1 id")
    redis_client.delete(MAIL_KEY, *places, "resque:stat:processed")
    for key, value in before.items():
        assert value is not None
        redis_client.restore(key, 0, value)
    farewells.take(Farewell(1, owner.ended.text(), (tokens[3],)))
    assert recoverer.run(Alive(1, (), ())) == Settled(())
    assert queued(redis_client) == [forgiven(3)[1]]
    assert redis_client.get("resque:stat:processed") == b"3"
    assert redis_client.hgetall(Keys().unique) == {}
    assert redis_client.keys("resque:resqd:inflight:*") == []
