"""A model of batches and workflows, against the real server: each callback comes once, none early, none is missing.

Every step is one script, so a crash leaves out the steps that would have followed: any order may be.
"""

from itertools import count
from typing import cast

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from resqd.errors import BatchDone
from resqd.store import debts
from resqd.store.batches import batches, filling
from resqd.store.batches.batches import Batches, Status
from resqd.store.batches.filling import Facts, Filler, Item, Lineage, Node, entry_of, parts
from resqd.store.debts import Debt, settle_call
from resqd.store.keys import Keys
from resqd.store.later import later
from resqd.store.later.later import When
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.redis.url import ConnectionConfig
from tests.support.batch_model import Expected
from tests.support.redis_clock import KEY, RedisClock
from tests.system.store.test_declared_keys import guarded

KEYS = Keys()
QUEUE = "mail"


class BatchModel(RuleBasedStateMachine):
    """Producers that die and go on, jobs that end in each way, often told twice, and people."""

    client: redis.Redis
    clock: RedisClock
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.clock.now = 1_000_000.0
        self.link = Link(ConnectionConfig.from_url(self.url))
        self.batches = Batches(self.link, KEYS)
        self.expected: dict[str, Expected] = {}
        self.numbers = count()

    def teardown(self) -> None:
        self.link.close()

    # What is done.

    @rule(jobs=st.integers(0, 3), seal=st.booleans(), nested=st.integers(0, 3))
    def make(self, jobs: int, seal: bool, nested: int) -> None:
        around = list(self.expected.values())[-nested] if 0 < nested <= len(self.expected) else None
        around = around if around and len(around.lineage) < 4 else None
        made = Expected((f"b{next(self.numbers)}", *(around.lineage if around else ())))
        names = self._names(jobs)
        if around is not None and not (around.pending or around.open):
            with pytest.raises(BatchDone):
                self._fill(made, names, seal=seal)
            return
        self._fill(made, names, seal=seal)
        self.expected[made.id] = made
        if around is not None:
            around.pending.add(f"batch:{made.id}")
        self._grow(made, names, seal=seal)

    @rule(which=st.integers(0, 5), jobs=st.integers(1, 3), seal=st.booleans(), by_member=st.booleans())
    def add(self, which: int, jobs: int, seal: bool, by_member: bool) -> None:
        if (batch := self._which(which)) is None:
            return
        names, member = self._names(jobs), ""
        if by_member:
            member = next((each for each in sorted(batch.pending | batch.ever) if ":" not in each), "none")
        may = member in batch.pending if by_member else batch.open
        if not may:
            with pytest.raises(BatchDone):
                self._filler(batch, member).add((), self._items(names), seal=seal and not member)
            return
        self._filler(batch, member).add((), self._items(names), seal=seal and not member)
        self._grow(batch, names, seal=seal and not member)

    @rule(
        edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=9), nodes=st.integers(1, 6)
    )
    def make_workflow(self, edges: list[tuple[int, int]], nodes: int) -> None:
        names = self._names(nodes)
        children: dict[str, set[str]] = {name: set() for name in names}
        waits: dict[str, set[str]] = {name: set() for name in names}
        for one, other in edges:
            if one < other < nodes:
                children[names[one]].add(names[other])
                waits[names[other]].add(names[one])
        made = Expected(
            (f"b{next(self.numbers)}",), waits={name: set(of) for name, of in waits.items() if of}
        )
        roots = [name for name in names if not waits[name]]
        self._filler(made, "", new=True).add(
            [
                Node(
                    name,
                    len(waits[name]),
                    tuple(sorted(children[name])),
                    entry_of(
                        QUEUE, parts([("T", b"{"), *(("R", one.encode()) for one in sorted(waits[name]))])
                    ),
                )
                for name in names
            ],
            self._items(roots),
            seal=True,
        )
        self.expected[made.id] = made
        self._grow(made, roots, seal=True)

    @rule(
        which=st.integers(0, 5),
        member=st.integers(0, 5),
        outcome=st.sampled_from(
            ["done", "done", "done", "failed", "discarded", "removed", "begun", "forgotten", "requeued"]
        ),
    )
    def end(self, which: int, member: int, outcome: str) -> None:
        """What has become of a job; one that has ended may be told of again."""
        batch = self._which(which)
        known = sorted(each for each in batch.ever if ":" not in each) if batch else []
        if batch is None or not known:
            return
        name = known[member % len(known)]
        owing = (
            Debt("result", f"{name} {batch.id} {name}"),
            Debt("node", f"{name} {' '.join(batch.lineage)}"),
        )
        self.link.run_script(settle_call(outcome, [owing], KEYS))
        if outcome != "begun":
            self._ended(batch, name, outcome)

    @rule(which=st.integers(0, 5))
    def cancel(self, which: int) -> None:
        if (batch := self._which(which)) is None:
            return
        assert bool(self.batches.cancel(self._status(batch))) is not batch.succeeded
        if not batch.succeeded:
            batch.cancelled, batch.open = True, False
            self._close(batch)

    @rule(seconds=st.sampled_from([1, 59, 61]))
    def time_passes(self, seconds: int) -> None:
        """Nobody fills what is open any more when its time is over."""
        self.clock.now += seconds
        late = [batch for batch in self.expected.values() if batch.open and batch in self._late()]
        assert self.batches.close_late() == len(late)
        for batch in late:
            batch.open = False
        for batch in late:
            self._close(batch)

    # What must be true.

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        calls = self._calls()
        for batch in self.expected.values():
            found = self._status(batch)
            assert (found.pending, found.failed, found.left) == (
                len(batch.pending),
                len(batch.failed),
                len(batch.waits),
            )
            assert (found.done is not None, found.succeeded is not None) == (batch.done, batch.succeeded)
            assert (found.skipped, found.open, found.cancelled) == (
                batch.skipped,
                batch.open,
                batch.cancelled,
            )
            assert calls.pop(f"{batch.id}-done", 0) == batch.done
            assert calls.pop(f"{batch.id}-success", 0) == batch.succeeded
        assert calls == {}, "nothing else is called, and no job is enqueued twice"

    def _calls(self) -> dict[str, int]:
        """How often each callback was enqueued; jobs that waited must have been, once each."""
        found: dict[str, int] = {}
        payloads = [
            entry.split(b"{", 1)[1] for entry in cast("list[bytes]", self.client.hvals(KEYS.later_jobs))
        ]
        for name in (payload.decode() for payload in payloads):
            if name.startswith("b"):
                found[name] = found.get(name, 0) + 1
        assert self.client.zcard(KEYS.later) == self.client.hlen(KEYS.later_jobs)
        assert sum(not payload.startswith(b"b") for payload in payloads) == self.released
        return found

    released = 0

    def _ended(self, batch: Expected, name: str, outcome: str) -> None:
        if outcome == "requeued":
            if name in batch.failed:
                batch.failed.remove(name)
                batch.pending.add(name)
            return
        if name not in (
            batch.failed
            if outcome == "forgotten"
            else batch.pending
            if outcome == "failed"
            else batch.pending | batch.failed
        ):
            return
        batch.pending.discard(name)
        batch.failed.discard(name)
        if outcome == "failed":
            batch.failed.add(name)
        elif outcome == "done":
            self._release(batch, name)
        else:
            batch.skipped += 1
        self._close(batch)

    def _release(self, batch: Expected, name: str) -> None:
        for child, waits in list(batch.waits.items()):
            if not batch.cancelled:
                waits.discard(name)
                if not waits:
                    del batch.waits[child]
                    batch.pending.add(child)
                    batch.ever.add(child)
                    self.released += 1

    def _close(self, batch: Expected) -> None:
        if batch.open or batch.pending:
            return
        well = not (batch.failed or batch.waits or batch.cancelled)
        batch.done = True
        batch.succeeded = batch.succeeded or well
        if len(batch.lineage) > 1:
            outcome = "done" if well else "removed" if batch.cancelled else "failed"
            self._ended(self.expected[batch.lineage[1]], f"batch:{batch.id}", outcome)

    def _grow(self, batch: Expected, names: list[str], *, seal: bool) -> None:
        batch.pending |= {*names}
        batch.ever |= {*names, *batch.waits}
        batch.ever -= {*batch.waits}
        batch.open = batch.open and not seal
        if seal:
            self._close(batch)

    def _late(self) -> list[Expected]:
        now = self.clock.now * 1_000_000
        late = cast("list[bytes]", self.client.zrangebyscore(KEYS.batches_open, "-inf", now))
        return [self.expected[each.decode()] for each in late]

    def _names(self, jobs: int) -> list[str]:
        return [f"{next(self.numbers)}" for _ in range(jobs)]

    def _which(self, which: int) -> Expected | None:
        known = list(self.expected.values())
        return known[which % len(known)] if known else None

    def _status(self, batch: Expected) -> Status:
        found = self.batches.get(batch.id)
        assert found is not None
        return found

    @staticmethod
    def _items(names: list[str]) -> list[Item]:
        wheres: list[tuple[When | None, bool]] = [(None, False), (None, True)]
        return [Item(QUEUE, name, b"{%b" % name.encode(), *wheres[int(name) % 2]) for name in names]

    def _fill(self, batch: Expected, names: list[str], *, seal: bool) -> None:
        self._filler(batch, "", new=True).add((), self._items(names), seal=seal)

    def _filler(self, batch: Expected, member: str, *, new: bool = False) -> Filler:
        facts = None
        if new:
            success, done = f"{batch.id}-success", f"{batch.id}-done"
            facts = Facts(
                "a batch",
                (success, entry_of(QUEUE, b"{%b" % success.encode())),
                (done, entry_of(QUEUE, b"{%b" % done.encode())),
            )
        return Filler(self.link, KEYS, Lineage(batch.lineage), facts=facts, member=member)


@pytest.fixture
def model(redis_client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> type[BatchModel]:
    """The model on the test's server, whose clock it sets, and whose scripts may touch their KEYS only."""
    BatchModel.client, BatchModel.url = redis_client, redis_url
    clock = RedisClock(redis_client, monkeypatch, batches, filling, debts, later)
    for module in (batches, filling, debts):
        for name, value in list(vars(module).items()):
            if isinstance(value, Script):
                monkeypatch.setattr(module, name, _guarded(value))
    BatchModel.clock = clock
    return BatchModel


def _guarded(script: Script) -> Script:
    source = guarded(script).source.replace("named = redis, {}", f"named = redis, {{['{KEY}'] = true}}", 1)
    return Script.of(script.name, source)


def histories(model: type[BatchModel], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_callbacks_come_once_whatever_happens(model: type[BatchModel]) -> None:
    histories(model, 200, 25)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_callbacks_come_once_in_ten_thousand_histories(model: type[BatchModel]) -> None:
    histories(model, 10_000, 30)
