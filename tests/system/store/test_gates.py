"""Gates on a real server, as a model: never more than the limit, no waiter under a free gate, no slot without a job."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from resqd.errors import Fenced, StoreUnavailable
from resqd.store.gates import blocks
from resqd.store.gates import calls as gates_calls
from resqd.store.gates.blocks import Answer
from resqd.store.gates.calls import Block, Gate, Most
from resqd.store.gates.gates import Gates
from resqd.store.inflight import calls, recovery
from resqd.store.inflight.outbox import Dismiss, Failure, Outbox, Postpone, Return, Want
from resqd.store.inflight.owner import Inflight
from resqd.store.inflight.recovery import Convict, Recovery, Verdict
from resqd.store.inflight.tokens import token_text
from resqd.store.keys import Keys
from resqd.store.later import later
from resqd.store.later.later import MICRO, Later
from resqd.store.redis.connection import Reply
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.redis.url import ConnectionConfig
from tests.support.redis_clock import RedisClock
from tests.system.store.conftest import DAEMON, incarnation
from tests.system.store.test_declared_keys import guarded

QUEUES = ("mail", "pages")
PER = 10 * MICRO
ALL = {"wide": "c 2", "tenant=1": "c 1", "tenant=2": "c 1", "rate": f"r 2 {PER}"}
_NUMBER = re.compile(rb'"args":\[(\d+)\]')
KEYS = Keys()
FORKS = (1, 2, 3)
forks = st.sampled_from(FORKS)


class Lossy(Link):
    """Loses the replies to one of the next requests, which were carried out."""

    loses = 0

    def _send_and_read(self, commands: Sequence[bytes]) -> list[Reply]:
        replies = super()._send_and_read(commands)
        self.loses -= 1
        if self.loses == 0:
            self.close()
            raise StoreUnavailable("the reply is lost")
        return replies


class Limits(RuleBasedStateMachine):
    """Producers, daemons, people, Ruby and dying workers on one Redis, and jobs under some of four gates."""

    client: Any
    clock: RedisClock
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        config = ConnectionConfig.from_url(self.url)
        self.links = [Lossy(config), Lossy(config)]
        self.recovery = Recovery(link=self.links[1], keys=KEYS)
        self.gates = Gates(link=self.links[1], keys=KEYS)
        self.later = Later(self.links[1], KEYS)
        self.declared = dict(ALL)
        self.gone: set[int] = set()
        self.pushed, self.epochs = 0, count(1)
        self.owners: dict[int, Inflight] = {}
        self.forks: dict[int, int] = {}
        self.running: dict[int, dict[int, tuple[int, list[str]]]] = {}
        self.grants: list[int] = []
        self.blocks: dict[Block, bool] = {}  # those of running jobs, and whether they hold their gates
        self.spoken: set[int] = set()
        self.micros = 1_000_000 * MICRO
        self.tick(0)
        for fork in FORKS:
            self.fork(fork)

    def teardown(self) -> None:
        try:
            self.becomes_still()
        finally:
            for link in self.links:
                link.close()

    def tick(self, micros: int) -> None:
        self.micros += micros
        self.clock.now = self.micros / MICRO

    def fork(self, fork: int) -> None:
        own = next(self.epochs)
        self.forks[fork], self.running[fork] = own, {}
        self.spoken.discard(fork)
        self.owners[fork] = Inflight(
            link=self.links[0],
            keys=KEYS,
            incarnation=incarnation(own),
            worker_id="host:1:mail:1:1:1",
            gating=self.gating,
        )

    def gating(self, raw: bytes) -> tuple[str, tuple[Gate, ...], bytes]:
        job = json.loads(raw)
        names = [name for name in job["gates"] if name.partition("=")[0] in self.limits]
        return job["id"], tuple(Gate(name, self.declared[name]) for name in names), raw

    @property
    def limits(self) -> set[str]:
        return {name.partition("=")[0] for name in self.declared}

    def most(self, gate: str) -> int:
        override = self.client.hget(KEYS.limits_set, gate.partition("=")[0])
        return int(override or self.declared[gate].split()[1])

    # --- what happens

    @rule(
        queue=st.sampled_from(QUEUES),
        names=st.lists(st.sampled_from([*ALL]), max_size=3, unique=True),
        ids=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    )
    def push(self, queue: str, names: list[str], ids: list[str]) -> None:
        """A producer pushes jobs, whose ids need not be unique."""
        for each in ids:
            job = {"class": "Mail", "args": [self.pushed], "id": each, "gates": names}
            self.pushed += 1
            self.client.rpush(KEYS.queue(queue), json.dumps(job, separators=(",", ":")))

    @rule(fork=forks, number=st.integers(1, 6), most=st.integers(0, 3), gated=st.integers(0, 2))
    def reserve(self, fork: int, number: int, most: int, gated: int) -> None:
        """A worker reserves: never does a gate have more holders than its limit."""
        self.exchange(fork, Outbox(), Want(number, tuple((q, 0) for q in QUEUES), begin=Most(most, gated)))

    def exchange(self, fork: int, outbox: Outbox, want: Want | None = None) -> None:
        self.spoken.add(fork)
        try:
            exchanged = self.owners[fork].exchange(outbox, want)
        except StoreUnavailable:
            exchanged = self.owners[fork].exchange(outbox, want)
        begun = Counter[str]()
        for token, _, raw in exchanged.batch:
            job = json.loads(raw)
            names = [gate.name for gate in self.gating(raw)[1]]
            self.running[fork][token] = job["args"][0], names
            begun.update(names)
            self.grants += [self.micros] * ("rate" in names)
        for name in begun:
            if name != "rate":
                assert self.client.zcard(f"{KEYS.gate_prefix}held:{name}") <= self.most(name)
        if outbox.returned:
            self.exchange(fork, outbox)
        if "rate" in begun:
            self.no_more_than_the_rate()

    @rule(fork=forks, gate=st.sampled_from([*ALL]))
    def enters(self, fork: int, gate: str) -> None:
        """A running job's code wants to hold a gate for a block."""
        if self.running[fork]:
            token, number = max(self.running[fork]), len(self.blocks) + 1
            inflight = KEYS.inflight(DAEMON, f"e0.{self.forks[fork]}")
            self.ask(Block(inflight, token_text(token), number, Gate(gate, self.declared[gate])))

    def ask(self, block: Block) -> None:
        entry = blocks.enter(self.links[1], KEYS, block)
        assert entry.answer in (Answer.IN, Answer.WAIT)
        news = entry.answer is Answer.IN and not self.blocks.get(block)
        self.blocks[block] = entry.answer is Answer.IN
        if news and block.gate.name == "rate":
            self.grants.append(self.micros)
            self.no_more_than_the_rate()

    @rule(at=st.integers(0, 5))
    def asks_again(self, at: int) -> None:
        """A block that waits makes sure of its place, and one that is in hears so again."""
        if self.blocks:
            self.ask([*self.blocks][at % len(self.blocks)])

    @rule(at=st.integers(0, 5))
    def leaves(self, at: int) -> None:
        """A block ends, or waits no longer."""
        if self.blocks:
            block = [*self.blocks][at % len(self.blocks)]
            self.let_in()
            del self.blocks[block]
            blocks.leave(self.links[1], KEYS, block)

    def let_in(self) -> None:
        """Note which of the waiting blocks have been let in meanwhile."""
        for block, inside in self.blocks.items():
            member = f"{block.inflight}/{block.field}/{block.number}"
            kind = "granted" if block.gate.name == "rate" else "held"
            moment = self.client.zscore(f"{KEYS.gate_prefix}{kind}:{block.gate.name}", member)
            if not inside and moment is not None:
                self.blocks[block] = True
                self.grants += [self.micros] * (kind == "granted")

    def forget_blocks(self, fork: int, tokens: Iterable[int]) -> None:
        """Their jobs are over."""
        self.let_in()
        inflight = KEYS.inflight(DAEMON, f"e0.{self.forks[fork]}")
        over = {(inflight, token_text(token)) for token in tokens}
        self.blocks = {b: inside for b, inside in self.blocks.items() if (b.inflight, b.field) not in over}

    def no_more_than_the_rate(self) -> None:
        recent = [moment for moment in self.grants if moment > self.micros - PER]
        assert len(recent) <= self.most("rate")

    @rule(
        fork=forks,
        how=st.sampled_from(["done", "failed", "retry", "discarded", "return"]),
        many=st.integers(1, 3),
    )
    def end(self, fork: int, how: str, many: int) -> None:
        """Jobs end, in any way."""
        tokens = list(self.running[fork])[:many]
        self.forget_blocks(fork, tokens)
        outbox = Outbox()
        for token in tokens:
            number, _ = self.running[fork].pop(token)
            if how == "done":
                outbox.done.append(token)
            elif how == "failed":
                outbox.failed.append(Failure(token, b'{"args":[%d]}' % number, (KEYS.failed,)))
            elif how == "retry":
                outbox.postponed.append(Postpone(token, 1.0, "retry", "a"))
            elif how == "discarded":
                outbox.dismissed.append(Dismiss(token, "discarded"))
            else:
                outbox.returned.append(Return(token))
            if how in {"done", "discarded"}:
                self.gone.add(number)
        if tokens:
            self.exchange(fork, outbox)

    @rule(fork=forks, convicts=st.booleans())
    def dies(self, fork: int, convicts: bool) -> None:
        """A worker is killed, and recovered; one of its jobs may be convicted."""
        own, running = self.forks[fork], self.running[fork]
        self.forget_blocks(fork, running)
        verdicts: dict[int, Verdict] = {}
        for token, (number, _) in list(running.items())[: int(convicts)]:
            verdicts[token] = Convict(b'{"args":[%d]}' % number, (KEYS.failed,))
        self.links[0].loses = 0
        self.recovery.recover(incarnation(own), verdicts)
        if fork in self.spoken:
            with pytest.raises(Fenced):
                self.owners[fork].exchange(Outbox(), Want(1, (("mail", 0),)))
        self.fork(fork)

    @rule(fork=forks, done=st.booleans())
    def closes(self, fork: int, done: bool) -> None:
        """A worker ends, and tells its last successes with that."""
        self.forget_blocks(fork, self.running[fork])
        ended = list(self.running[fork])[: int(done)]
        self.gone.update(self.running[fork][token][0] for token in ended)
        try:
            self.owners[fork].close(ended)
        except StoreUnavailable:
            self.owners[fork].close(ended)
        self.fork(fork)

    @rule(requests=st.integers(1, 4))
    def reply_is_lost(self, requests: int) -> None:
        """Soon, so that something is asked again that has happened."""
        self.links[0].loses = requests

    @rule(ticket=st.sampled_from(["a", "a~2", "b", "c", "c~2", "c~3"]))
    def cancel(self, ticket: str) -> None:
        """Somebody takes a parked job away, and nothing else."""
        value = self.client.hget(KEYS.parked, ticket)
        if value:
            self.gone.update(map(int, _NUMBER.findall(value)))
            assert self.gates.cancel([ticket]) == [ticket]

    @rule(queue=st.sampled_from(QUEUES))
    def ruby_pops(self, queue: str) -> None:
        """Ruby takes a job, one with a pass maybe."""
        if raw := self.client.lpop(KEYS.queue(queue)):
            self.gone.update(map(int, _NUMBER.findall(raw)))

    @rule(micros=st.sampled_from([1, 1000, MICRO, 5 * MICRO, PER, -MICRO]))
    def time_passes(self, micros: int) -> None:
        """And may go back."""
        self.tick(micros)
        if micros < 0:
            self.grants = [min(moment, self.micros) for moment in self.grants]
        self.later.promote()

    @rule(name=st.sampled_from(["wide", "tenant", "rate"]), most=st.one_of(st.none(), st.integers(0, 3)))
    def people_set(self, name: str, most: int | None) -> None:
        """People set a limit, or take that back."""
        if most is None:
            self.client.hdel(KEYS.limits_set, name)
        else:
            self.client.hset(KEYS.limits_set, name, most)

    @rule(most=st.integers(1, 3))
    def deploys(self, most: int) -> None:
        """A release declares another number."""
        self.declared["wide"] = f"c {most}"
        self.publish()

    def publish(self) -> None:
        self.gates.publish("life", {name.partition("=")[0]: text for name, text in self.declared.items()})

    @rule()
    def round(self) -> None:
        """A housekeeper's round, after which nobody waits at a gate that has room, unless his equal has a pass."""
        self.gates.round()
        for gate in self.declared:
            assert not (self.room(gate) > 0 and self.client.zcard(f"{KEYS.gate_prefix}waiting:{gate}")), gate
        self.let_in()

    def room(self, gate: str) -> int:
        def of(kind: str) -> int:
            return int(self.client.zcard(f"{KEYS.gate_prefix}{kind}:{gate}"))

        definition = self.client.hget(KEYS.limits, gate.partition("=")[0])
        most = self.client.hget(KEYS.limits_set, gate.partition("=")[0])
        known = int(most or (definition or b"c 0").split()[1])
        return known - of("granted" if gate == "rate" else "held") - of("passed")

    # --- what is true at any instant

    @invariant()
    def every_job_has_one_place(self) -> None:
        """Waiting, in flight, later, parked, failed, or gone."""
        raws = [*self.client.hvals(KEYS.parked), *self.client.hvals(KEYS.later_jobs)]
        for queue in (*map(KEYS.queue, QUEUES), KEYS.failed):
            raws += self.client.lrange(queue, 0, -1)
        for own in self.forks.values():
            held = self.client.hgetall(KEYS.inflight(DAEMON, f"e0.{own}"))
            raws += [value for field, value in held.items() if not field.startswith(b"!")]
        found = [int(number) for raw in raws for number in _NUMBER.findall(raw)]
        assert sorted([*found, *self.gone]) == list(range(self.pushed))

    @invariant()
    def slots_are_of_what_runs(self) -> None:
        """Each holder of a gate is a job that has begun and not ended, and each such job holds its gates."""
        expected = Counter(
            name for jobs in self.running.values() for _, names in jobs.values() for name in names
        )
        self.let_in()
        expected.update(block.gate.name for block, inside in self.blocks.items() if inside)
        for gate in self.declared:
            if gate != "rate":
                assert self.client.zcard(f"{KEYS.gate_prefix}held:{gate}") == expected[gate], gate

    @invariant()
    def each_parked_job_waits_at_one_gate(self) -> None:
        """And the gates where any waits are known to the housekeepers."""
        waiting = Counter[bytes]()
        for gate in self.declared:
            tickets = self.client.zrange(f"{KEYS.gate_prefix}waiting:{gate}", 0, -1)
            assert not tickets or self.client.sismember(KEYS.gates, gate)
            waiting.update(each for each in tickets if not each.startswith(b"\n"))
        assert not self.client.hkeys(KEYS.parked) or set(self.client.hkeys(KEYS.parked)) <= set(waiting)
        assert all(number == 1 for number in waiting.values())

    @rule()
    def declares_nothing(self) -> None:
        """A release without limits lets all go on in its next round, until an older worker names them again."""
        self.gates.publish("life", {})
        self.gates.round()
        self.publish()

    def becomes_still(self) -> None:
        """Whatever has happened, all jobs run once nothing keeps them: no waiter is forgotten."""
        self.publish()
        self.client.delete(KEYS.limits_set)
        wants = Want(20, tuple((queue, 0) for queue in QUEUES))
        for _ in range(200):
            self.tick(PER)
            self.later.promote()
            self.round()
            for block in [*self.blocks]:
                del self.blocks[block]
                blocks.leave(self.links[1], KEYS, block)
            for fork in FORKS:
                self.exchange(fork, Outbox(), wants)
                self.end(fork, "done", 100)
            if not (self.client.hlen(KEYS.parked) or any(map(self.client.llen, map(KEYS.queue, QUEUES)))):
                break
        assert self.client.hlen(KEYS.parked) == 0
        assert not [*self.client.scan_iter(f"{KEYS.gate_prefix}waiting:*")]
        self.every_job_has_one_place()


def run(redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    for name in ("ACQUIRE", "CANCEL", "ENTER", "LEAVE", "PUBLISH", "SETTLE"):
        monkeypatch.setattr(gates_calls, name, guarded(getattr(gates_calls, name)))
    for name, value in list(vars(calls).items()):
        if isinstance(value, Script):
            monkeypatch.setattr(calls, name, guarded(value))

    class Here(Limits):
        url = redis_url

    Here.client = client
    Here.clock = RedisClock(client, monkeypatch, gates_calls, calls, later, recovery)
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )


def test_gates_hold_whatever_happens(
    redis_url: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushed, begun, parked, ended, killed, cancelled, popped by Ruby, redeployed: after each step."""
    run(redis_url, redis_client, monkeypatch, 40)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_gates_hold_in_ten_thousand_histories(
    redis_url: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, many times."""
    run(redis_url, redis_client, monkeypatch, 10_000)
