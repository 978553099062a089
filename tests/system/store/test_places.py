"""A model of the places that a job can be in, against the real server: whatever is done, each job is in one of them.

Every step is one script, so a crash leaves out the steps that would have followed: any order may be.
"""

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from resqd.errors import Fenced
from resqd.store.inflight import calls, recovery
from resqd.store.inflight.owner import Inflight, Outbox, Postpone, Want
from resqd.store.inflight.recovery import Later as Verdict
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.later import later
from resqd.store.later.later import CHUNK, MICRO, PUT_OFF, Later, Schedule, When
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from tests.support.redis_clock import RedisClock
from tests.system.store.conftest import DAEMON, incarnation

QUEUES = ("mail", "pages")
IDS = ("a", "b", "b~2", "c")
"""Few, so that most are not unique, and one is what another would be called."""
START = 1_000_000 * MICRO
_NUMBER = re.compile(rb'"args":\[(\d+)\]')

tickets = st.lists(st.sampled_from([*IDS, "a~2", "b~3", "c~2"]), min_size=1, max_size=4, unique=True)
moments = st.sampled_from([0, 1, 2, MICRO, 5 * MICRO])
turns = st.sampled_from([0, 1])


def numbers(payloads: list[bytes]) -> list[int]:
    """The numbers of jobs, by which they are told apart whatever was spliced into them."""
    return [int(number) for each in payloads for number in _NUMBER.findall(each)]


@dataclass
class Expected:
    """The model: where each job is."""

    now: int = START
    later: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    """Ticket to moment, queue and number."""
    queues: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in QUEUES})
    broken: set[str] = field(default_factory=set)
    """Queues whose keys are no lists."""

    def put(self, job_id: str, due: int, queue: str, number: int) -> str:
        """Put one, and say by what ticket."""
        names = (job_id if n == 1 else f"{job_id}~{n}" for n in count(1))
        ticket = next(name for name in names if name not in self.later)
        self.later[ticket] = (self._free(due), queue, number)
        return ticket

    def move(self, ticket: str, due: int) -> None:
        """Let one be due at another moment."""
        _, queue, number = self.later.pop(ticket)
        self.later[ticket] = (self._free(due), queue, number)

    def promote(self) -> tuple[int, int]:
        """What is due goes to its queue, or is put off; how many of each."""
        due = sorted((one, ticket) for ticket, one in self.later.items() if one[0] <= self.now)[:CHUNK]
        refused: dict[str, list[tuple[str, int]]] = {}
        for (_, queue, number), ticket in due:
            del self.later[ticket]
            if queue in self.broken:
                refused.setdefault(queue, []).append((ticket, number))
            else:
                self.queues[queue].append(number)
        for queue, those in refused.items():
            for ticket, number in those:
                self.put(ticket, self.now + round(PUT_OFF * MICRO), queue, number)
        off = sum(map(len, refused.values()))
        return len(due) - off, off

    def _free(self, due: int) -> int:
        taken = {one[0] for one in self.later.values()}
        return next(moment for moment in count(due) if moment not in taken)


class Places(RuleBasedStateMachine):
    """Producers, daemons, people and dying workers on one Redis."""

    client: redis.Redis
    clock: RedisClock
    url: str

    def __init__(self) -> None:
        super().__init__()
        keys = Keys()
        self.client.flushdb()
        config = ConnectionConfig.from_url(self.url)
        self.expected = Expected()
        self.held: dict[int, dict[int, tuple[str, int]]] = {}  # fork, then token: queue and number
        self.owners: dict[int, Inflight] = {}
        self.numbers, self.forks = count(), count(1)
        self.links = [Link(config), Link(config)]
        self.producers = Links(config)
        self.schedule = Schedule(self.producers, keys)
        self.hands = [Later(link, keys) for link in self.links]
        self.recovery = Recovery(link=self.links[1], keys=keys)
        self.clock.now = START / MICRO

    def teardown(self) -> None:
        for link in self.links:
            link.close()
        self.producers.close()

    @rule(
        queue=st.sampled_from(QUEUES),
        ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=4),
        micros=moments,
        relative=st.booleans(),
    )
    def put(self, queue: str, ids: list[str], micros: int, relative: bool) -> None:
        """A producer puts jobs, whose ids need not be unique."""
        due = self.expected.now + micros
        jobs = [(job_id, next(self.numbers)) for job_id in ids]
        when = When(True, micros) if relative else When(False, due)
        raws = [(each, b'{"class":"Mail","args":[%d],"id":"%s"}' % (n, each.encode())) for each, n in jobs]
        assert self.schedule.put(queue, raws, when) == [
            self.expected.put(job_id, due, queue, number) for job_id, number in jobs
        ]

    @rule(micros=moments)
    def time_goes(self, micros: int) -> None:
        """Redis's clock goes on."""
        self.expected.now += micros
        self.clock.now = self.expected.now / MICRO

    @rule(turn=turns)
    def promote(self, turn: int) -> None:
        """A housekeeper of two moves what is due."""
        promoted = self.hands[turn].promote()
        assert (promoted.moved, promoted.refused) == self.expected.promote()
        first = min((due for due, _, _ in self.expected.later.values()), default=None)
        left = None if first is None else max(0, first - self.expected.now) / MICRO
        assert promoted.left == left

    @rule(turn=turns, names=tickets)
    def cancel(self, turn: int, names: list[str]) -> None:
        """Somebody takes jobs away: each that is counted is gone, and no other."""
        there = [name for name in names if name in self.expected.later]
        assert self.hands[turn].cancel(names) == len(there)
        for name in there:
            del self.expected.later[name]

    @rule(turn=turns, names=tickets)
    def run_now(self, turn: int, names: list[str]) -> None:
        """Somebody lets jobs run now; what a queue refuses stays when it was."""
        later, queues = self.expected.later, self.expected.queues
        able = [name for name in names if name in later and later[name][1] not in self.expected.broken]
        assert self.hands[turn].run_now(names) == len(able)
        for name in able:
            _, queue, number = later.pop(name)
            queues[queue].insert(0, number)

    @rule(turn=turns, names=tickets, micros=moments)
    def reschedule(self, turn: int, names: list[str], micros: int) -> None:
        """Somebody moves jobs in time."""
        there = [name for name in names if name in self.expected.later]
        assert self.hands[turn].move(names, When.after(micros / MICRO)) == len(there)
        for name in there:
            self.expected.move(name, self.expected.now + micros)

    @rule(queue=st.sampled_from(QUEUES))
    def break_or_heal(self, queue: str) -> None:
        """An empty queue's key becomes one of another type, or is deleted."""
        if queue in self.expected.broken:
            self.expected.broken.remove(queue)
            self.client.delete(f"resque:queue:{queue}")
        elif not self.expected.queues[queue]:
            self.expected.broken.add(queue)
            self.client.set(f"resque:queue:{queue}", "no list")

    @rule(wanted=st.integers(1, 4))
    def reserve(self, wanted: int) -> None:
        """A worker takes jobs."""
        fork = next(self.forks)
        owner = self.owners[fork] = Inflight(
            link=self.links[0], keys=Keys(), incarnation=incarnation(fork), worker_id="host:1:mail:1:1:1"
        )
        names = [name for name in QUEUES if name not in self.expected.broken]
        batch = owner.exchange(Outbox(), Want(wanted, tuple((name, 0) for name in names))).batch
        self.held[fork] = {token: (queue, numbers([raw])[0]) for token, queue, raw in batch}
        for queue, number in self.held[fork].values():
            self.expected.queues[queue].remove(number)
        assert len(batch) == wanted or not any(self.expected.queues[name] for name in names)

    @precondition(lambda self: any(self.held.values()))
    @rule(
        data=st.data(), job_id=st.sampled_from(IDS), kind=st.sampled_from(["retry", "snooze"]), micros=moments
    )
    def postpone(
        self, data: st.DataObject, job_id: str, kind: Literal["retry", "snooze"], micros: int
    ) -> None:
        """A worker's job is tried again later; told twice, it is there once."""
        fork = data.draw(st.sampled_from(sorted(fork for fork, jobs in self.held.items() if jobs)))
        token = data.draw(st.sampled_from(sorted(self.held[fork])))
        queue, number = self.held[fork].pop(token)
        told = Postpone(token, micros / MICRO, kind, job_id, "", "", b"{}")
        assert self.owners[fork].exchange(Outbox(postponed=[told])).postponed == 1
        assert self.owners[fork].exchange(Outbox(postponed=[told])).postponed == 0
        self.expected.put(job_id, self.expected.now + micros, queue, number)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """A worker's jobs are done."""
        fork = data.draw(st.sampled_from(sorted(fork for fork, jobs in self.held.items() if jobs)))
        self.owners[fork].exchange(Outbox(done=list(self.held[fork])))
        self.held[fork].clear()

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), job_id=st.sampled_from(IDS))
    def die(self, data: st.DataObject, job_id: str) -> None:
        """A worker is given up with all that it holds, one job for being late, and goes on all the same."""
        fork = data.draw(st.sampled_from(sorted(fork for fork, jobs in self.held.items() if jobs)))
        held = self.held.pop(fork)
        late = data.draw(st.sampled_from([None, *held]))
        timeout = (
            {} if late is None else {late: Verdict(Postpone(late, 5.0, "timeout", job_id, "", "", b"{}"))}
        )
        if not any(queue in self.expected.broken for queue, _ in held.values()):
            recovered = self.recovery.recover(incarnation(fork), timeout)
            if late is not None:
                queue, number = held.pop(late)
                self.expected.put(job_id, self.expected.now + 5 * MICRO, queue, number)
            assert (recovered.requeued, recovered.postponed) == (len(held), len(timeout))
            for name in QUEUES:
                back = [number for queue, number in held.values() if queue == name]
                self.expected.queues[name] = back + self.expected.queues[name]
            [token, *_] = [*held, late]
            assert token is not None
            told = Outbox(postponed=[Postpone(token, 1.0, "retry", "a", "", "", b"{}")])
            with pytest.raises(Fenced):
                self.owners[fork].exchange(told)
        else:
            self.held[fork] = held

    @invariant()
    def each_job_is_in_one_place(self) -> None:
        """And in that where it is expected, in its order."""
        expected = self.expected
        entries: Any = self.client.hgetall("resque:resqd:later:jobs")
        scores: Any = self.client.zrange("resque:resqd:later", 0, -1, withscores=True)
        moments = {ticket.decode(): int(score) for ticket, score in scores}
        assert len({*moments.values()}) == len(moments)
        assert moments == {ticket: due for ticket, (due, _, _) in expected.later.items()}
        assert {ticket.decode(): numbers([entry])[0] for ticket, entry in entries.items()} == {
            ticket: number for ticket, (_, _, number) in expected.later.items()
        }
        for name in QUEUES:
            if name not in expected.broken:
                queued: Any = self.client.lrange(f"resque:queue:{name}", 0, -1)
                assert numbers(queued) == expected.queues[name]
        flying: list[int] = []
        for key in self.client.scan_iter(f"resque:resqd:inflight:{DAEMON}:*"):
            found: Any = self.client.hgetall(key)
            flying += numbers([entry for token, entry in found.items() if not token.startswith(b"!")])
        assert sorted(flying) == sorted(number for jobs in self.held.values() for _, number in jobs.values())


def test_a_job_is_in_one_place_whatever_is_done_and_in_whichever_order(
    redis_url: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put, promoted, cancelled, moved, run now, reserved, tried again, recovered: after each step as in the model."""

    class Here(Places):
        client = redis_client
        clock = RedisClock(redis_client, monkeypatch, later, calls, recovery)
        url = redis_url

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
