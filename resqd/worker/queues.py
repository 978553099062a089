"""Which queues a worker reserves from: those that match, in order, within quotas; on probation the suspects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from resqd import events
from resqd.clock import Clock
from resqd.settings import QueueSpec
from resqd.store.inflight.owner import Want
from resqd.store.names import is_pattern, matches
from resqd.wire.messages import Yielded
from resqd.worker.demand import NEVER, Demand
from resqd.worker.open_queues import Limited, OpenQueues
from resqd.worker.order import Order


def expand(specs: Sequence[QueueSpec], existing: Iterable[str]) -> list[str]:
    """The queues in strict order: the list's order, each pattern's matches sorted, no duplicates."""
    known = sorted(existing)
    ordered: dict[str, None] = {}
    for spec in specs:
        names = (
            [name for name in known if matches(spec.pattern, name)]
            if is_pattern(spec.pattern)
            else [spec.pattern]
        )
        ordered.update(dict.fromkeys(names))
    return list(ordered)


def limited(
    queues: Iterable[tuple[str, int]], quotas: Mapping[str, int], held: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """The queues, each capped one with how many more of its jobs this worker may take; full ones are left out."""
    room = [(queue, quotas[queue] - held.get(queue, 0) if queue in quotas else 0) for queue, _ in queues]
    return tuple((queue, limit) for queue, limit in room if queue not in quotas or limit > 0)


class Quotas:
    """The control thread orders and asks what was yielded, the fetcher settles; each attribute has one writer.

    A cap holds because a quota has one owner at a time: an order that raises it takes effect at once, one
    that lowers it as the jobs in hand allow, and the master gives to others only what was yielded.
    """

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.current: dict[str, int] = {}
        """What this worker owns now, by queue; never less than what it holds."""
        self._ordered: tuple[int, Mapping[str, int]] = (0, {})
        self._settled: tuple[int, dict[str, int]] = (0, {})
        self._told: tuple[int, dict[str, int]] = (0, {})

    def begin(self, quotas: Mapping[str, int]) -> None:
        """Start with what the master gave at the fork."""
        self.current = dict(quotas)
        self._ordered = self._settled = self._told = (0, self.current)

    def order(self, serial: int, quotas: Mapping[str, int]) -> None:
        """The master's newest order; `serial` numbers it."""
        self._ordered = (serial, quotas)

    def settle(self, held: Mapping[str, int], *, reserving: bool) -> bool:
        """Bring what is owned in line with the order and with what is held; whether anything changed.

        A worker that will reserve no more keeps what it holds, and does not take back what it yielded:
        the master may have given it to another.
        """
        serial, ordered = self._ordered
        limit = ordered if serial != self._settled[0] else self.current
        current = {
            queue: max(held.get(queue, 0), min(limit.get(queue, 0), quota) if reserving else 0)
            for queue, quota in ordered.items()
        }
        if (serial, current) == self._settled:
            return False
        self.current = current
        self._settled = (serial, current)
        return True

    def yielded(self) -> Yielded | None:
        """What the master has not been told yet."""
        return Yielded(*self._settled) if self._settled != self._told else None

    def told(self, message: Yielded) -> None:
        """The master has been sent this."""
        self._told = (message.serial, message.quotas)


REFRESH = 0.9
"""Seconds after which the set of queues is read again: new ones are seen within a second."""
COMPLAIN_EVERY = 60.0
"""Seconds between two log lines about the same broken queue."""
COMPLAINTS_KEPT = 1_000
"""Broken queues of which it is remembered beyond that time when they were complained of."""


class Sources:
    """The queues to reserve from, as far as the quotas of capped ones go beyond what is held of them.

    `existing` reads the set of queues from Redis, `waiting` whether any of some queues has a job.
    """

    def __init__(
        self,
        *,
        specs: Sequence[QueueSpec],
        existing: Callable[[], Iterable[str]],
        waiting: Callable[[Iterable[str]], bool],
        quotas: Quotas,
        paused: OpenQueues,
        order: Order,
        clock: Clock,
    ) -> None:
        self._specs = specs
        self._order = order
        self._existing = existing
        self._waiting = waiting
        self._quotas = quotas
        self._paused = paused
        self._clock = clock
        self._changing = any(is_pattern(spec.pattern) for spec in specs)
        self._queues = tuple((queue, 0) for queue in (() if self._changing else expand(specs, ())))
        self._read_at = float("-inf")
        self._limited: tuple[float, dict[str, int], Limited] = (0.0, {}, ())
        self._complained: dict[str, float] = {}
        self._full: set[str] = set()
        self.capped = frozenset(spec.pattern for spec in specs if spec.capped)

    def want(self, count: int, held: Mapping[str, int], *, fresh: bool = False) -> Want | None:
        """So many jobs out of the queues of this moment; None when there are none, or all are paused. See `next`."""
        queues = self._paused.among(self.next(held, fresh=fresh))
        return Want(count, queues, turns=self._order.turns(queues, count)) if queues else None

    def next(self, held: Mapping[str, int], *, fresh: bool = False) -> tuple[tuple[str, int], ...]:
        """The queues in order, each with the most to take of it. `fresh`: read the set anew, a push was seen.

        The same tuple comes again as long as nothing changed, so what is made of it can be kept.
        """
        now = self._clock()
        if self._changing and (fresh or now - self._read_at >= REFRESH):
            queues = tuple((queue, 0) for queue in expand(self._specs, self._existing()))
            self._queues = self._queues if queues == self._queues else queues
            self._read_at = now
        if not self.capped:
            return self._queues
        quotas = {queue: self._quotas.current.get(queue, 0) for queue in self.capped}
        room = {queue: quota - held.get(queue, 0) for queue, quota in quotas.items()}
        if self._limited[:2] != (self._read_at, room):
            self._limited = self._read_at, room, limited(self._queues, quotas, held)
        return self._limited[2]

    def settle(self, held: Mapping[str, int], *, unfinished: int, reserving: bool) -> bool:
        """Keep the quotas in line with what is held; whether they, or what could be used, changed. See Quotas."""
        if not self.capped:
            return False
        quotas, now = self._quotas, self._clock()
        news = quotas.demand.see(held, unfinished, now) if reserving else quotas.demand.rest()
        return quotas.settle(held, reserving=reserving) or news

    @property
    def settle_at(self) -> float:
        """When to settle again though nothing happens."""
        return self._quotas.demand.steady_at

    @property
    def full(self) -> bool:
        """Whether the last look could not take more of some queue."""
        return bool(self._full)

    def looked(self, held: Mapping[str, int]) -> None:
        """Note which queues the last look could not take more of."""
        if self.capped:
            self._full = {queue for queue in self.capped if not self._room(queue, held)}

    def freed(self, held: Mapping[str, int]) -> bool:
        """Whether one of those has room again, as jobs ended or the master gave more: worth another look."""
        if not any(self._room(queue, held) for queue in self._full):
            return False
        self._full = set()
        return True

    def reopened(self) -> bool:
        """Whether other queues are paused than before: worth another look."""
        return self._paused.changed()

    def left_out(self, held: Mapping[str, int]) -> bool:
        """Whether jobs wait that may not be taken now, because of caps."""
        full = [queue for queue in self.capped if not self._room(queue, held)]
        return bool(full) and self._waiting(full)

    def _room(self, queue: str, held: Mapping[str, int]) -> bool:
        return self._quotas.current.get(queue, 0) > held.get(queue, 0)

    def complain(self, skipped: Iterable[str]) -> None:
        """Say, once a minute each, that these queues are keys of another type."""
        now = self._clock()
        if len(self._complained) > COMPLAINTS_KEPT:  # ever new queues may be broken
            self._complained = {
                queue: at for queue, at in self._complained.items() if now - at < COMPLAIN_EVERY
            }
        for queue in skipped:
            if now - self._complained.get(queue, float("-inf")) >= COMPLAIN_EVERY:
                self._complained[queue] = now
                events.Worker.queue_skipped(queue=queue)


class Suspects:
    """Stands in the place of Sources. It looks once: a worker on probation that finds nothing leaves."""

    def __init__(self, *, capped: Collection[str], quotas: Quotas) -> None:
        self.capped = capped
        self._quotas = quotas

    def want(self, count: int, held: Mapping[str, int], *, fresh: bool = False) -> Want | None:  # noqa: ARG002 - as Sources
        """So many suspects, of queues that are not capped or of which this worker owns a unit."""
        owned = self._quotas.current
        return Want(count, closed=tuple(q for q in self.capped if owned.get(q, 0) <= held.get(q, 0)))

    settle_at = NEVER
    full = False

    def settle(self, held: Mapping[str, int], *, unfinished: int, reserving: bool) -> bool:  # noqa: ARG002 - as Sources
        """Give back the units of other queues than that of the job in hand; whether anything changed. See Quotas."""
        return self._quotas.settle(held, reserving=reserving)

    def looked(self, held: Mapping[str, int]) -> None:
        """There is no second look."""

    def freed(self, held: Mapping[str, int]) -> bool:  # noqa: ARG002 - as Sources
        """There is no second look."""
        return False

    def reopened(self) -> bool:
        """A suspect had begun before its queue was paused; it is run to its verdict."""
        return False

    def left_out(self, held: Mapping[str, int]) -> bool:  # noqa: ARG002 - as Sources
        """What it may not take now is for another: the master forks it when there is room."""
        return False

    def complain(self, skipped: Iterable[str]) -> None:
        """There are no queues to skip."""
