"""Caps hold exactly: quotas dealt by the master and kept by workers, whatever the order of events between them."""

from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resqd.master.quotas import Holder, deal, for_suspects, free, limits
from resqd.queue_specs import queues as parse
from resqd.wire.messages import Slots, Usable, Yielded
from resqd.worker.demand import STEADY, Demand
from resqd.worker.queues import Quotas


@dataclass
class Worker:
    """A worker and the master's view of it, with what is under way between them."""

    room: int
    owned: dict[str, int]
    promised: dict[str, int]
    serial: int = 0
    quotas: Quotas = field(default_factory=lambda: Quotas(Demand(1, {})))
    held: Counter[str] = field(default_factory=Counter)
    down: deque[Slots] = field(default_factory=deque)
    up: deque[Yielded | Usable] = field(default_factory=deque)
    reserving: bool = True
    busy: int = 0
    """Jobs of other queues."""
    usable: dict[str, int] = field(default_factory=dict)

    def order(self, quotas: dict[str, int]) -> None:
        self.serial += 1
        self.promised = quotas
        self.owned = {queue: max(quota, self.owned.get(queue, 0)) for queue, quota in quotas.items()}
        self.down.append(Slots(self.room, quotas, self.serial))

    @property
    def unfinished(self) -> int:
        return self.busy + self.held.total()

    def settle(self, now: float) -> None:
        if self.reserving:
            self.quotas.demand.see(self.held, self.unfinished, now)
        self.quotas.settle(self.held, reserving=self.reserving)
        if usable := self.quotas.demand.news():
            self.up.append(usable)
            self.quotas.demand.told(usable)
        if message := self.quotas.yielded():
            self.up.append(message)
            self.quotas.told(message)

    def hear(self) -> None:
        if self.down:
            order = self.down.popleft()
            self.quotas.order(order.serial, order.quotas)

    def reserve(self, queue: str) -> None:
        if (
            self.reserving
            and self.unfinished < self.room
            and self.held[queue] < self.quotas.current.get(queue, 0)
        ):
            self.held[queue] += 1

    def finish(self, queue: str) -> None:
        self.held[queue] = max(0, self.held[queue] - 1)


class Daemon:
    """The master's part: deals, forks, hears, buries."""

    def __init__(self, caps: dict[str, int], rooms: list[int]) -> None:
        self.caps = caps
        self.now = 0.0
        self.workers: list[Worker] = []
        for room in rooms:
            self.fork(room)

    def unowned(self) -> dict[str, int]:
        return free(self.caps, [worker.owned for worker in self.workers])

    def fork(self, room: int) -> None:
        holders = [self.holder(worker) for worker in self.takers()] + [Holder(room, {}, {})]
        quotas = deal(self.caps, holders, self.unowned())[-1]
        demand = Demand(room, {queue: min(room, cap) for queue, cap in self.caps.items()})
        worker = Worker(room, dict(quotas), quotas, quotas=Quotas(demand))
        worker.quotas.begin(quotas)
        self.workers.append(worker)

    def takers(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.reserving]

    def holder(self, worker: Worker) -> Holder:
        return Holder(worker.room, worker.promised, worker.owned, worker.usable)

    def plan(self) -> None:
        takers = self.takers()
        holders = [self.holder(worker) for worker in takers]
        for worker, holder, quotas in zip(
            takers, holders, deal(self.caps, holders, self.unowned()), strict=True
        ):
            if holder.needs(quotas):
                worker.order(quotas)

    def listen(self, worker: Worker) -> None:
        if worker.up:
            message = worker.up.popleft()
            if isinstance(message, Usable):
                worker.usable = message.quotas
            elif message.serial == worker.serial:
                worker.owned = message.quotas

    def happen(self, event: str, worker: Worker, queue: str) -> None:
        match event:
            case "settle":
                worker.settle(self.now)
            case "wait":
                self.now += STEADY / 2
            case "busy" | "idle":
                worker.busy = worker.room - worker.held.total() if event == "busy" else 0
            case "hear":
                worker.hear()
            case "listen":
                self.listen(worker)
            case "reserve":
                worker.reserve(queue)
            case "finish":
                worker.finish(queue)
            case "leave" | "return":
                worker.reserving = event == "return"
            case "die":
                self.workers.remove(worker)

    def check(self) -> None:
        for queue, cap in self.caps.items():
            assert sum(worker.held[queue] for worker in self.workers) <= cap
            assert sum(worker.quotas.current.get(queue, 0) for worker in self.workers) <= cap

    def quiet(self, *, ending: bool = True) -> None:
        """Let every message arrive, and every job end or none, until nothing changes."""
        for _ in range(50):
            self.now += STEADY
            for worker in self.workers:
                if ending:
                    worker.held.clear()
                for _ in range(len(worker.down)):
                    worker.hear()
                worker.settle(self.now)
                while worker.up:
                    self.listen(worker)
            self.plan()

    def starving(self) -> list[str]:
        """The queues of which one worker could use more while another has some that it cannot use."""
        found = []
        for queue, cap in self.caps.items():
            spare = [
                (
                    min(cap, worker.held[queue] + max(0, worker.room - worker.unfinished)),
                    worker.quotas.current[queue],
                )
                for worker in self.takers()
            ]
            if any(usable > owned for usable, owned in spare) and any(
                usable < owned for usable, owned in spare
            ):
                found.append(queue)
        return found


EVENTS = [
    *("settle", "hear", "listen", "reserve", "finish", "plan", "leave", "return", "die", "fork"),
    *("busy", "idle", "wait"),
]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_caps_hold_whatever_happens(data: st.DataObject) -> None:
    """No order of messages, jobs, drains, deaths and forks lets more jobs of a queue run than its cap; nothing is
    lost either: once all is quiet the caps are dealt out as far as there are threads. And while jobs run on, what some
    worker cannot use goes to those who can."""
    caps = data.draw(st.dictionaries(st.sampled_from("abc"), st.integers(1, 6), min_size=1))
    daemon = Daemon(caps, data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    for _ in range(data.draw(st.integers(0, 60))):
        event = data.draw(st.sampled_from(EVENTS))
        if event == "fork" and len(daemon.workers) < 6:
            daemon.fork(data.draw(st.integers(1, 4)))
        elif event == "plan":
            daemon.plan()
        elif daemon.workers:
            worker = data.draw(st.sampled_from(daemon.workers))
            daemon.happen(event, worker, data.draw(st.sampled_from(sorted(caps))))
        daemon.check()
    daemon.quiet(ending=False)
    daemon.check()
    assert daemon.starving() == []
    daemon.quiet()
    daemon.check()
    rooms = sum(worker.room for worker in daemon.takers())
    for queue, cap in caps.items():
        assert sum(worker.quotas.current[queue] for worker in daemon.takers()) == min(cap, rooms)


@pytest.mark.parametrize(
    ("spec", "threads", "cap"),
    [("q:4", 16, 4), ("q:50%", 8, 4), ("q:50%", 3, 1), ("q:1%", 8, 1), ("q:100%", 7, 7)],
)
def test_a_caps_size(spec: str, threads: int, cap: int) -> None:
    """A count is itself; a percentage is of all threads, without exceeding it, but one thread at least."""
    assert limits(parse(spec), threads) == {"q": cap}


def test_queues_without_a_cap_are_not_dealt() -> None:
    """Only what has a cap has quotas."""
    assert limits(parse("a,b:2,c"), 8) == {"b": 2}


def test_shares_are_even() -> None:
    """Each cap is spread; the remainders of several do not all go to the first worker; nobody gets more than fits."""
    none = [Holder(4, {}, {}), Holder(4, {}, {}), Holder(1, {}, {})]
    caps = {"a": 1, "b": 1, "c": 5, "d": 100}
    dealt = deal(caps, none, caps)
    assert [quotas["a"] for quotas in dealt] == [1, 0, 0]
    assert [quotas["b"] for quotas in dealt] == [0, 1, 0]
    assert [quotas["c"] for quotas in dealt] == [2, 2, 1]
    assert [quotas["d"] for quotas in dealt] == [4, 4, 1]


@given(
    cap=st.integers(0, 50), rooms=st.lists(st.integers(1, 9), min_size=1, max_size=6), caps=st.integers(1, 4)
)
def test_all_of_a_cap_is_dealt(cap: int, rooms: list[int], caps: int) -> None:
    """With nothing owned yet, each cap is dealt to the last unit that has a thread, and no unit twice."""
    sizes = {f"queue {number}": cap for number in range(caps)}
    dealt = deal(sizes, [Holder(room, {}, {}) for room in rooms], sizes)
    for queue in sizes:
        shares = [quotas[queue] for quotas in dealt]
        assert sum(shares) == min(cap, sum(rooms))
        assert all(share <= room for share, room in zip(shares, rooms, strict=True))
        fitting = [share for share, room in zip(shares, rooms, strict=True) if share < room]
        assert max(fitting, default=0) - min(fitting, default=0) <= 1


def test_what_some_cannot_use_goes_to_those_who_can() -> None:
    """A worker whose threads are all taken keeps what it holds; what nobody can use is spread, to be there."""
    busy, idle = Holder(4, {}, {}, {"q": 1}), Holder(4, {}, {}, {"q": 4})
    assert deal({"q": 4}, [busy, idle], {"q": 4}) == [{"q": 1}, {"q": 3}]
    assert deal({"q": 4}, [busy, busy], {"q": 4}) == [{"q": 2}, {"q": 2}]
    assert deal({"q": 7}, [busy, idle], {"q": 7}) == [{"q": 3}, {"q": 4}]


def test_what_is_asked_back_is_given_only_once_yielded() -> None:
    """A second worker gets its share when the first has said that it owns less."""
    first = Holder(4, {"q": 4}, {"q": 4})
    newcomer = Holder(4, {}, {})
    assert deal({"q": 4}, [first, newcomer], {"q": 0}) == [{"q": 2}, {"q": 0}]
    asked = Holder(4, {"q": 2}, {"q": 3})
    assert not asked.needs({"q": 2})
    assert deal({"q": 4}, [asked, newcomer], {"q": 1}) == [{"q": 2}, {"q": 1}]


@pytest.mark.parametrize(
    ("suspects", "capped", "unowned", "quotas"),
    [
        (2, {}, {"slow": 0}, [{}, {}]),  # of queues without a cap, beside one that is full
        (1, {"slow": 1}, {"slow": 0}, []),
        (3, {"slow": 1}, {"slow": 0}, [{}, {}]),
        (2, {"slow": 1}, {"slow": 0}, [{}]),
        (2, {"slow": 2}, {"slow": 1}, [{"slow": 1}]),
        (2, {"slow": 1}, {"slow": 1}, [{"slow": 1}, {}]),  # whichever takes it, the other one is left
        (2, {"slow": 2}, {"slow": 3, "other": 1}, [{"slow": 1}, {"slow": 1}]),
        (2, {"slow": 1, "few": 1}, {"slow": 0, "few": 1}, [{"few": 1}]),
        (0, {}, {}, []),
        (2, {"slow": 2}, {"slow": -1}, []),  # its cap has become smaller
    ],
)
def test_a_suspect_needs_a_unit_of_its_own_queue_only(
    suspects: int, capped: dict[str, int], unowned: dict[str, int], quotas: list[dict[str, int]]
) -> None:
    """A probation worker for each suspect that may begin, with units of queues that have suspects and room."""
    assert list(for_suspects(2, suspects, capped, unowned)) == quotas
