"""The bound on a job's begins, with the real scripts: random workers die in all ways, and daemons begin anew."""

import random
import re
from collections import Counter
from typing import cast

import pytest
import redis

from resqd.store.inflight.owner import Outbox, Return, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.wire.messages import Death
from tests.support.inquests import inquest
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, numbered, push

SUSPECTS = Keys().suspects(DAEMON)
JOBS, MOST = 12, 3


class Chaos:
    """Workers that take jobs of which none ever ends, and die."""

    def __init__(self, seed: int, make_owner: OwnerMaker, recovery: Recovery) -> None:
        self.dice = random.Random(seed)
        self.begun: Counter[bytes] = Counter()
        self._make = make_owner
        self._recovery = recovery
        self._inquest = inquest(recovery, most=MOST)
        self._forks = 0

    def crash(self) -> None:
        """One life of a worker, of one process or of a whole host."""
        self._forks += 1
        probation = self.dice.random() < 0.5
        owner = self._make(fork=self._forks, source="suspects" if probation else "queues")
        batch = owner.exchange(Outbox(), Want(1 if probation else self.dice.randint(1, 5), MAIL)).batch
        running = tuple(token for token, _, _ in batch if self.dice.random() < 0.6)
        self.begun.update(name(payload) for token, _, payload in batch if token in running)
        way = self.dice.choice(["blamed", "blamed", "killed", "error", "unknown", "abandoned"])
        if way == "abandoned":
            idle = [Return(token) for token, _, _ in batch if token not in running]
            owner.exchange(Outbox(returned=idle))
        convicted = running[:1] if way == "killed" else ()
        death = Death(self._forks, 7, running, convicted, way == "blamed", probation, "died")
        last_words = None if way in ("unknown", "abandoned") else death
        for _ in range(self.dice.choice([1, 1, 2])):  # a recovery whose reply is lost is repeated
            self._inquest.hold(incarnation(self._forks), last_words)
        if self.dice.random() < 0.1:
            self._recovery.release_suspects(DAEMON)


def name(payload: bytes) -> bytes:
    """What stays the same of a job."""
    return re.sub(rb'"(deliveries|recoveries)":\d+,', b"", payload.partition(b" Job")[0])


def names(client: redis.Redis, key: str) -> list[bytes]:
    return [name(payload) for payload in cast("list[bytes]", client.lrange(key, 0, -1))]


@pytest.mark.parametrize("seed", range(8))
def test_every_job_fails_within_its_bound(
    seed: int, make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """None is lost, none is there twice, and none has begun more than twice MAX_DELIVERIES times."""
    jobs = [*numbered(JOBS), b"[1]", b"no job"]
    push(redis_client, "mail", *jobs)
    chaos = Chaos(seed, make_owner, recovery)
    failed: list[bytes] = []
    for _ in range(600):
        chaos.crash()
        failed = names(redis_client, "resque:failed")
        suspects = [entry.removeprefix(b"4:mail") for entry in names(redis_client, SUSPECTS)]
        assert sorted([*failed, *suspects, *names(redis_client, MAIL_KEY)]) == sorted(jobs)
        assert max(chaos.begun.values(), default=0) <= 2 * MOST
        if len(failed) == len(jobs):
            break
    assert sorted(failed) == sorted(jobs)
    assert recovery.incarnations(DAEMON) == []
