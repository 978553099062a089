"""Histories of unique jobs, at random, by the real scripts: who holds a lock, and which jobs there are."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import redis
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

import resqd
from resqd.store.debts import owed_by
from resqd.store.inflight.incarnation import Incarnation
from resqd.store.inflight.outbox import Dismiss, Failure, Outbox, Return, Want
from resqd.store.inflight.owner import Inflight
from resqd.store.inflight.recovery import Charge, Convict, Recovery, Suspect
from resqd.store.keys import Keys
from resqd.store.later.later import Later
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.failed_changes import NotUnique
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.payload import decode
from resqd.store.resque.sweep import FailureMoved
from resqd.store.resque.tries import postpone
from resqd.store.unique.sweep import Sweep

KEYS: Final = Keys()
QUEUE: Final = "mail"
ACTS: Final = (
    *["enqueue"] * 5,
    *["reserve"] * 5,
    *["fail"] * 2,
    *["repeat"] * 2,
    "enqueue_in",
    "replace",
    "many",
    "front",
    "done",
    "discard",
    "retry",
    "give_back",
    "close",
    "die",
    "convict",
    "suspect",
    "promote",
    "run_now",
    "cancel",
    "dequeue",
    "clear",
    "ruby_pop",
    "requeue",
    "requeue_all",
    "requeue_kept",
    "deploy",
    "sweep",
)


class World:
    """One namespace, with one worker at a time; the act's number chooses among what there is."""

    def __init__(self, client: redis.Redis, link: Link, url: str) -> None:
        self.client = client
        self.link = link
        self.app = resqd.App(url)
        self.recovery = Recovery(link=link, keys=KEYS)
        self.forks = 0
        self.held: list[tuple[int, bytes]] = []
        self.lost: set[str] = set()
        """Tickets of jobs that others took away, so that nobody has settled for them."""
        self.begun: set[str] = set()
        """Tickets of jobs that a worker has taken at any time."""
        self.deploys = 0
        self.jobs: dict[str, Any] = {}
        self.deploy(0)
        self.owner = self._owner()

    def _owner(self) -> Inflight:
        self.forks += 1
        self.incarnation = Incarnation(
            daemon="h/d", epoch="e", fork=self.forks, pid=1, start_time=1, place="p"
        )
        self.held = []
        self.told: Callable[[], Outbox] = Outbox
        return Inflight(link=self.link, keys=KEYS, incarnation=self.incarnation, worker_id="w", releases=True)

    def deploy(self, _lot: int) -> None:
        """Another release, by which others are the same: jobs that are there keep their locks."""
        self.app = resqd.App(self.app._urls[0])
        self.deploys += 1
        by = [["user"], None, []][self.deploys % 3]
        for name, until, conflict in (
            ("Done", "done", "skip"),
            ("Start", "start", "skip"),
            ("Late", "done", "replace"),
        ):
            unique = resqd.Unique(by=by, until=until, on_conflict=conflict)  # type: ignore[arg-type] # of a table
            self.jobs[name] = self.app.job(queue=QUEUE, name=name, unique=unique)(_code)

    def enqueue(self, lot: int) -> None:
        self.jobs[("Done", "Start")[lot % 2]].enqueue(lot % 3)

    def enqueue_in(self, lot: int) -> None:
        self.jobs[("Done", "Start")[lot % 2]].enqueue_in(lot % 5 and 600, lot % 3)

    def replace(self, lot: int) -> None:
        self.jobs["Late"].enqueue_in(lot % 5 and 600, lot % 2)

    def many(self, lot: int) -> None:
        self.jobs[("Done", "Late")[lot % 2]].enqueue_many([(lot % 2,), (0,), (lot % 3,)])

    def front(self, lot: int) -> None:
        self.jobs["Done"].using(front=True).enqueue(lot % 3)

    def reserve(self, lot: int) -> None:
        got = self.owner.exchange(Outbox(), Want(1 + lot % 2, ((QUEUE, 0),))).batch
        self.held += [(token, raw) for token, _, raw in got]
        self.begun |= {ticket for _, _, raw in got for ticket in _tickets_of(raw)}

    def _take(self, lot: int) -> tuple[int, bytes] | None:
        return self.held.pop(lot % len(self.held)) if self.held else None

    def _end(self, outbox: Callable[[], Outbox]) -> None:
        self.told = outbox
        self.owner.exchange(outbox())

    def repeat(self, _lot: int) -> None:
        """The last end is told again, as after a lost answer."""
        self.owner.exchange(self.told())

    def done(self, lot: int) -> None:
        if taken := self._take(lot):
            ended = Dismiss(taken[0], "done", debts=owed_by(taken[1]))
            self._end(lambda: Outbox(dismissed=[ended]))

    def discard(self, lot: int) -> None:
        if taken := self._take(lot):
            ended = Dismiss(taken[0], "discarded", debts=owed_by(taken[1]))
            self._end(lambda: Outbox(dismissed=[ended]))

    def fail(self, lot: int) -> None:
        if taken := self._take(lot):
            failure = Failure(taken[0], record(taken[1]), (KEYS.failed,), debts=owed_by(taken[1]))
            self._end(lambda: Outbox(failed=[failure]))

    def retry(self, lot: int) -> None:
        if taken := self._take(lot):
            again = postpone(taken[0], decode(taken[1]), delay=lot % 2 and 600.0, kind="retry", attempt=b"{}")
            self.owner.exchange(Outbox(postponed=[again]))

    def give_back(self, lot: int) -> None:
        if taken := self._take(lot):
            self.owner.exchange(Outbox(returned=[Return(taken[0])]))

    def close(self, _lot: int) -> None:
        self.owner.close([])
        self.owner = self._owner()

    def die(self, _lot: int) -> None:
        self._recover({token: Charge() for token, _ in self.held[:1]})

    def suspect(self, _lot: int) -> None:
        self._recover({token: Suspect() for token, _ in self.held[:1]})
        self.recovery.release_suspects("h/d")

    def convict(self, _lot: int) -> None:
        self._recover(
            {token: Convict(record(raw), (KEYS.failed,), debts=owed_by(raw)) for token, raw in self.held[:1]}
        )

    def _recover(self, verdicts: dict[int, Any]) -> None:
        for _ in range(2):  # two hosts think that it is theirs
            self.recovery.recover(self.incarnation, verdicts)
        self.owner = self._owner()

    def promote(self, _lot: int) -> None:
        Later(self.link, KEYS).promote()

    def run_now(self, lot: int) -> None:
        if tickets := self._tickets():
            self.app.run_now(tickets[lot % len(tickets)])

    def cancel(self, lot: int) -> None:
        if tickets := self._tickets():
            self.app.cancel(tickets[lot % len(tickets)])

    def dequeue(self, lot: int) -> None:
        self.app.dequeue(self.jobs[("Done", "Start", "Late")[lot % 3]], lot % 2)

    def clear(self, lot: int) -> None:
        queues = self.app.store.books.queues
        (queues.clear if lot % 2 else queues.remove)(QUEUE)

    def ruby_pop(self, _lot: int) -> None:
        raw: Any = self.client.lpop(KEYS.queue(QUEUE))
        self.lost |= set(_tickets_of(raw or b""))

    def requeue(self, lot: int) -> None:
        self._requeue(lot, keep=False)

    def requeue_kept(self, lot: int) -> None:
        """The record stays, and may be requeued again."""
        self._requeue(lot, keep=True)

    def _requeue(self, lot: int, *, keep: bool) -> None:
        count = self.app.failures.count()
        try:
            if count:
                self.app.failures.requeue(lot % count, keep=keep)
        except (NotUnique, FailureMoved):
            pass

    def requeue_all(self, _lot: int) -> None:
        self.app.failures.requeue_all()

    def sweep(self, _lot: int) -> None:
        sweep = Sweep(self.link, KEYS)
        absent = sweep.old(-1_000_000.0)
        for _ in range(2):
            for _ in sweep.scan(absent):
                pass
        sweep.release(absent)
        self.lost.clear()

    def _tickets(self) -> list[str]:
        found: Any = self.client.hkeys(KEYS.later_jobs)
        return sorted(ticket.decode() for ticket in found)

    def locks(self) -> dict[str, str]:
        found: Any = self.client.hgetall(KEYS.unique)
        return {key.decode(): lock.decode().partition(" ")[2] for key, lock in found.items()}

    def present(self) -> list[tuple[str, str, str]]:
        """Kind, fingerprint and ticket of every job that is somewhere."""
        later: Any = self.client.hvals(KEYS.later_jobs)
        waiting: Any = self.client.lrange(KEYS.queue(QUEUE), 0, -1)
        flight: Any = self.client.hgetall(KEYS.inflight("h/d", self.incarnation.id))
        raws = [entry.partition(b":")[2][len(QUEUE) :] for entry in later]
        raws += waiting
        raws += [
            entry.partition(b":")[2][len(QUEUE) :]
            for key, entry in flight.items()
            if not key.startswith(b"!")
        ]
        return [
            (debt.kind, *debt.member.split(" "))  # type: ignore[misc] # of two parts
            for raw in raws
            for debt in owed_by(raw)
        ]

    def check(self) -> None:
        locks, present = self.locks(), self.present()
        whole = [(fingerprint, ticket) for kind, fingerprint, ticket in present if kind == "unique"]
        everyone = {(fingerprint, ticket) for _, fingerprint, ticket in present}
        assert len(whole) == len(set(whole)) == len({fingerprint for fingerprint, _ in whole}), (
            "two under a lock"
        )
        fresh = [(fingerprint, ticket) for _, fingerprint, ticket in present if ticket not in self.begun]
        for fingerprint, ticket in [*whole, *fresh]:
            assert locks.get(fingerprint) == ticket, "a job without its lock"
        for fingerprint, ticket in locks.items():
            assert (fingerprint, ticket) in everyone or ticket in self.lost, "a lock without a job"


def _code(user: int) -> int:
    return user


def _tickets_of(raw: bytes) -> list[str]:
    return [debt.member.split(" ")[1] for debt in owed_by(raw)]


def record(raw: bytes) -> bytes:
    return build_record(
        raw=raw,
        payload=decode(raw),
        exception=("E", "e"),
        backtrace=(),
        worker="w",
        queue=QUEUE,
        failed_at=datetime.now(UTC),
    )


HISTORIES: Final = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 29)), min_size=5, max_size=40)


@pytest.fixture
def play(redis_url: str, redis_client: redis.Redis) -> Iterator[Callable[[list[tuple[str, int]]], None]]:
    link = Link(ConnectionConfig.from_url(redis_url))

    def one(history: list[tuple[str, int]]) -> None:
        redis_client.flushdb()
        world = World(redis_client, link, redis_url)
        for act, lot in history:
            getattr(world, act)(lot)
            world.check()
        world.app.store.close()

    yield one
    link.close()


FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


REPEATED: Final = [("enqueue", 0), ("reserve", 0), ("fail", 0), ("requeue", 0), ("repeat", 0)]
"""The answer to a failure was lost, and somebody has requeued the job before it is told again."""
OVERTAKEN: Final = [("enqueue", 3), ("reserve", 0), ("enqueue", 3), ("done", 0)]
"""A second job has the lock by the time that the first one ends."""


@seed(1)
@example(history=REPEATED)
@example(history=OVERTAKEN)
@settings(max_examples=300, deadline=None, suppress_health_check=FIXTURE, database=None)
@given(history=HISTORIES)
def test_a_lock_has_one_job_and_a_job_its_lock(
    play: Callable[[list[tuple[str, int]]], None], history: list[tuple[str, int]]
) -> None:
    """Whatever is killed, cancelled, popped by Ruby, requeued twice, or deployed with another `by`."""
    play(history)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, deadline=None, suppress_health_check=FIXTURE, database=None)
@given(history=HISTORIES)
def test_the_same_in_many_histories(
    play: Callable[[list[tuple[str, int]]], None], history: list[tuple[str, int]]
) -> None:
    play(history)
