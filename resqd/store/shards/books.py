"""What is looked up and put right on all shards as if they were one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from heapq import merge
from typing import TYPE_CHECKING, Any, TypeVar

from resqd.store.resque.books import Books, Stats
from resqd.store.resque.glimpses import Glimpse, Glimpses, QueueLength
from resqd.store.resque.queues import Overview, Queues, QueueState
from resqd.store.shards.failures import AllFailures
from resqd.store.shards.home_books import HomePauses, HomeWorkers
from resqd.store.shards.reach import window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.store.resque.backends import FailureBackend
    from resqd.store.shards.reach import Reach

T = TypeVar("T")


class AllBooks(Books):
    """Of all shards. What belongs to keyed work, and the registry of workers, are those of the home shard."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._home = home = reach.stores[0].books
        self.queues = AllQueues(reach)
        self.stats = AllStats(reach)
        self.failures = AllFailures(reach)
        self.workers = HomeWorkers(reach)
        self.overview = AllOverview(reach)
        self.pauses = HomePauses(reach)
        self.glimpses = AllGlimpses(reach)
        self.notes, self.remote = home.notes, home.remote

    def record_failure(self, record: bytes, queue: str, backend: FailureBackend) -> None:
        """Keep a record on the home shard."""
        self._home.record_failure(record, queue, backend)

    def info(self) -> dict[str, Any]:
        """Resque's overview, of all."""
        sizes, workers = self.queues.sizes(), self.workers.all()
        return {
            "pending": sum(sizes.values()),
            "processed": self.stats.processed,
            "queues": len(sizes),
            "workers": len(workers),
            "working": sum(1 for worker in workers if worker.threads_working()),
            "failed": self.stats.failed,
        }

    def all_keys(self) -> list[str]:
        """Every key of each namespace without its prefix."""
        return sorted(
            {key for keys in self._reach.read(lambda store: store.books.all_keys()) for key in keys}
        )

    def open(self, kind: Callable[..., T]) -> T:
        """Something else that reads and writes keys of the home shard's namespace."""
        return self._home.open(kind)

    def close(self) -> None:
        """The stores close their own."""


class AllStats(Stats):
    """Sums."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def get(self, name: str) -> int:
        """One counter."""
        return sum(self._reach.read(lambda store: store.books.stats.get(name)))

    def clear(self, name: str) -> None:
        """Set it back on all."""
        self._reach.act(lambda store: store.books.stats.clear(name))


class AllQueues(Queues):
    """Each queue has a part on each shard; positions count through these, the home shard's first."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def push_front(self, queue: str, raw: bytes) -> None:
        """Put a payload back; on home, where it would be looked for first."""
        self._reach.stores[0].books.queues.push_front(queue, raw)

    def pop(self, queue: str) -> bytes | None:
        """Take the oldest payload off the first shard that has one. No other is asked once one has answered."""
        for store in self._reach.stores:
            if (raw := store.books.queues.pop(queue)) is not None:
                return raw
        return None

    def size(self, queue: str) -> int:
        """How many jobs wait."""
        return sum(self._reach.read(lambda store: store.books.queues.size(queue)))

    def sizes(self) -> dict[str, int]:
        """How many jobs wait, by queue."""
        return added(self._reach.read(lambda store: store.books.queues.sizes()))

    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[bytes]:
        """Up to `count` payloads from position `start` on."""
        parts = self._reach.read(lambda store: (store.books.queues, store.books.queues.size(queue)))
        lengths = [length for _, length in parts]
        return [
            raw
            for number, first, many in window(lengths, start, count)
            for raw in parts[number][0].peek(queue, first, many)
        ]

    def names(self) -> list[str]:
        """The names of all queues, sorted."""
        found = self._reach.read(lambda store: store.books.queues.names())
        return sorted({name for names in found for name in names})

    def clear(self, queue: str) -> int:
        """Delete all jobs of a queue; how many there were."""
        return sum(self._reach.act(lambda store: store.books.queues.clear(queue)))

    def move(self, source: str, target: str) -> int:
        """Move what waits in one queue to the end of another, on each shard; how many jobs."""
        return sum(self._reach.act(lambda store: store.books.queues.move(source, target)))

    def remove(self, queue: str) -> int:
        """Delete a queue with all its jobs; how many there were."""
        return sum(self._reach.act(lambda store: store.books.queues.remove(queue)))

    def delete(self, queue: str, matches: Callable[[bytes], bool]) -> int:
        """Delete the jobs whose payload matches; how many went."""
        return sum(self._reach.act(lambda store: store.books.queues.delete(queue, matches)))

    def find(self, queue: str, matches: Callable[[bytes], bool]) -> bytes | None:
        """A payload that matches."""
        found = self._reach.read(lambda store: store.books.queues.find(queue, matches))
        return next((raw for raw in found if raw is not None), None)


class AllOverview(Overview):
    """Sums, and the oldest of all."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def queues(self) -> list[QueueState]:
        """Every queue, sorted by name."""
        found: dict[str, QueueState] = {}
        for states in self._reach.read(lambda store: store.books.overview.queues()):
            for state in states:
                before = found.get(state.name)
                found[state.name] = state if before is None else _both(before, state)
        return [found[name] for name in sorted(found)]

    def in_flight(self) -> dict[str, int]:
        """How many jobs all daemons hold, by queue."""
        return added(self._reach.read(lambda store: store.books.overview.in_flight()))

    def suspects(self) -> int:
        """How many jobs wait to be run alone."""
        return sum(self._reach.read(lambda store: store.books.overview.suspects()))

    def holder(self, job_id: str) -> str | None:
        """Which incarnation holds a job in flight."""
        return _first(self._reach.read(lambda store: store.books.overview.holder(job_id)))

    def suspect_of(self, job_id: str) -> str | None:
        """Whose suspect a job is."""
        return _first(self._reach.read(lambda store: store.books.overview.suspect_of(job_id)))


class AllGlimpses(Glimpses):
    """Positions count through the shards' parts of a list. A key is given as it is called on the home shard."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._home = reach.stores[0].keys

    def queues(self) -> list[QueueLength]:
        """Every queue by name."""
        found: dict[str, QueueLength] = {}
        for lines in self._reach.read(lambda store: store.books.glimpses.queues()):
            for line in lines:
                before = found.get(line.name)
                found[line.name] = (
                    line
                    if before is None
                    else QueueLength(
                        line.name, _sum(before.size, line.size), _oldest(before.oldest, line.oldest)
                    )
                )
        return [found[name] for name in sorted(found)]

    def look(self, key: str, start: int, count: int, **bounds: int) -> list[Glimpse]:
        """Up to `count` items of a list from position `start` on."""
        name = key.removeprefix(f"{self._home.namespace}:")

        def measured(store: Any) -> tuple[Glimpses, str, int]:
            own, glimpses = f"{store.keys.namespace}:{name}", store.books.glimpses
            return glimpses, own, glimpses.lengths([own])[0]

        parts = self._reach.read(measured)
        found: list[Glimpse] = []
        for number, first, many in window([length for _, _, length in parts], start, count):
            glimpses, own, _ = parts[number]
            shift = sum(length for _, _, length in parts[:number])
            found += [
                replace(each, index=each.index + shift) for each in glimpses.look(own, first, many, **bounds)
            ]
            if len(found) < sum(
                part[2] for part in window([p[2] for p in parts], start, count) if part[0] <= number
            ):
                break  # too many bytes: what follows must not look as if it stood next to it
        return found

    def queue(self, name: str, start: int, count: int) -> list[Glimpse]:
        """Jobs of a queue."""
        return self.look(self._home.queue(name), start, count)

    def lengths(self, keys: Sequence[str]) -> list[int]:
        """How long each of these lists is."""
        names = [key.removeprefix(f"{self._home.namespace}:") for key in keys]
        found = self._reach.read(
            lambda store: store.books.glimpses.lengths([f"{store.keys.namespace}:{name}" for name in names])
        )
        return [sum(lengths) for lengths in zip(*found, strict=True)]

    def drop(self, queue: str, at: int, digest: str) -> bool:
        """Delete the job that stood at that position, counted through all shards."""
        sizes = [store.books.queues.size(queue) for store in self._reach.stores]
        shift = 0
        for store, size in zip(self._reach.stores, sizes, strict=True):
            # It may have moved up since: each shard is asked where it would stand there.
            if at >= shift and store.books.glimpses.drop(queue, at - shift, digest):
                return True
            shift += size
        return False


def added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The counts of all, by name in order."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return {name: total[name] for name in sorted(total)}


def merged(parts: Iterable[Iterable[T]], key: Callable[[T], Any]) -> Iterable[T]:
    """Rows that are in order in each part, in order."""
    return merge(*parts, key=key)


def _both(one: QueueState, other: QueueState) -> QueueState:
    return QueueState(
        one.name,
        _sum(one.size, other.size),
        one.in_flight + other.in_flight,
        _oldest(one.oldest, other.oldest),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _oldest(one: float | None, other: float | None) -> float | None:
    known = [moment for moment in (one, other) if moment is not None]
    return min(known, default=None)


def _first(found: Iterable[T | None]) -> T | None:
    return next((each for each in found if each is not None), None)
