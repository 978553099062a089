"""A sweep over every place where a unique job can be."""

import json

import pytest
import redis

from resqd.store.inflight.owner import Want
from resqd.store.inflight.recovery import Recovery, Suspect
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.unique.sweep import Sweep
from tests.system.store.conftest import OwnerMaker, beat, incarnation
from tests.system.store.mail import MAIL, push, reserve

KEYS = Keys()


def job(name: str, kind: str = "unique", front: str = "{") -> bytes:
    owes = json.dumps({"owes": {kind: f"{name} id-{name}"}})
    return f'{front}"resqd":{owes},"class":"Noop","args":[]}}'.encode()


@pytest.fixture
def sweep(link: Link) -> Sweep:
    return Sweep(link, KEYS)


def test_a_lock_is_absent_only_where_its_job_is_in_no_place(
    sweep: Sweep, redis_client: redis.Redis, make_owner: OwnerMaker, recovery: Recovery
) -> None:
    beat(redis_client, "host.example/resqd:e0")
    for name in ("later", "queue", "flight", "suspect", "gone", "another"):
        redis_client.hset(KEYS.unique, name, f"1000000 id-{name}")
    redis_client.hset(KEYS.unique, "young", "9999999999000000 id-young")
    redis_client.hset(KEYS.unique, "another", "1000000 id-else")
    push(redis_client, "mail", job("suspect"))
    owner = make_owner(fork=1)
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    assert recovery.recover(incarnation(1), {token: Suspect()}).suspected == 1
    push(redis_client, "mail", job("flight", "start"))
    assert reserve(make_owner(fork=2), Want(1, MAIL))
    redis_client.sadd(KEYS.queues, "mail", "odd")
    redis_client.set(KEYS.queue("odd"), "no list")
    push(
        redis_client,
        "mail",
        *[b'{"class":"Noop"}'] * 700,
        job("queue", front='{"attempts":1,'),
        job("another"),
    )
    redis_client.hset(KEYS.later_jobs, "id-later", b"4:mail" + job("later"))

    absent = sweep.old(600.0)
    assert set(absent) == {b"later", b"queue", b"flight", b"suspect", b"gone", b"another"}
    steps = sum(1 for _ in sweep.scan(absent))
    assert steps > 5
    assert set(absent) == {b"gone", b"another"}
    redis_client.hset(KEYS.unique, "another", "2000000 id-else")
    assert sweep.release(absent) == 1
    assert not redis_client.hexists(KEYS.unique, "gone")
    assert redis_client.hlen(KEYS.unique) == 6


def test_one_daemon_sweeps(sweep: Sweep) -> None:
    assert sweep.claim("a", 60)
    assert not sweep.claim("b", 60)
