"""Jobs put aside: what a thread enqueues waits for a transaction, or becomes a part of it, and does not go to Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from resqd.using import Signature

if TYPE_CHECKING:
    from resqd.application.outlet import Outlet
    from resqd.application.producer import Producer
    from resqd.store.later.later import When
    from resqd.store.unique.locks import Claim, Terms


class Aside(Protocol):
    """Somewhere else."""

    def outlet(self, producer: Producer, *, keyed: bool = False) -> Outlet:
        """What takes the payloads of this producer; for `keyed` see Producer.where."""


_aside: Final[ContextVar[Aside | None]] = ContextVar("aside", default=None)
now: Final = _aside.get
"""Where what this thread enqueues is put aside; None: it goes its way."""


@contextmanager
def putting(where: Aside) -> Iterator[None]:
    """Put aside what the block enqueues, in this thread or this task."""
    token = _aside.set(where)
    try:
        yield
    finally:
        _aside.reset(token)


def enqueue(where: Aside, job: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Put one aside: a job, or what its `using` or `s` has made. Errors: those of `enqueue`, TypeError."""
    with putting(where):
        if not isinstance(job, Signature):
            job_id: str | None = job.enqueue(*args, **kwargs)
            return job_id
        if args or kwargs:
            raise TypeError(f"{job!r} has its arguments already")
        return job.enqueue()


class Held:
    """What was enqueued meanwhile, in its order, and what else is to happen with it."""

    def __init__(self) -> None:
        self._puts: list[_Put | Callable[[], None]] = []
        self._keeping: list[Producer] = []

    def outlet(self, producer: Producer, *, keyed: bool = False) -> Outlet:
        """What takes the payloads of this producer; for `keyed` see Producer.where."""
        return _Holding(_To(producer, keyed), self)

    def add(self, act: Callable[[], None]) -> None:
        """Let this happen, too."""
        self._puts.append(act)

    def put(self, put: _Put) -> None:
        """One more, together with the one before if they are alike: many then go in few round trips."""
        last = self._puts[-1] if self._puts else None
        if isinstance(last, _Put) and last.like == put.like and put.kind != "push_front":
            last.items += put.items
        else:
            self._puts.append(put)

    def take(self, other: Held) -> None:
        """All that another one holds, behind what is here."""
        self._puts += other._puts
        self._keeping += other._keeping
        other._puts, other._keeping = [], []

    def keeps_results(self, producer: Producer) -> None:
        """Note that there are jobs whose ends are kept."""
        if producer not in self._keeping:
            self._keeping.append(producer)

    def release(self) -> None:
        """Let everything go its way; where something fails, what stands behind it is lost. Errors: StoreError."""
        puts, keeping, self._puts, self._keeping = self._puts, self._keeping, [], []
        for producer in keeping:
            producer.direct().keeps_results()
        for put in puts:
            put()


class _Put:
    """One call of an Outlet: whose (`to`), which, and for what."""

    def __init__(
        self, to: Callable[[], Outlet], kind: str, queue: str, items: Iterable[Any], *more: Any, **named: Any
    ) -> None:
        self.like = (to, kind, queue, more, tuple(named.items()))
        self.kind, self.items = kind, list(items)
        self._to, self._queue, self._more, self._named = to, queue, more, named

    def __call__(self) -> None:
        getattr(self._to(), self.kind)(self._queue, self.items, *self._more, **self._named)


@dataclass(frozen=True, slots=True)
class _To:
    """Where a producer's jobs go in the end."""

    producer: Producer
    keyed: bool

    def __call__(self) -> Outlet:
        return self.producer.direct(keyed=self.keyed)


class _Holding:
    """An Outlet that holds what it takes."""

    def __init__(self, to: _To, held: Held) -> None:
        self._to = to
        self._held = held

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        put = _Put(self._to, "push", queue, raws)
        count = len(put.items)
        self._held.put(put)
        return count

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        self._held.put(_Put(self._to, "push_front", queue, raws))
        return len(raws)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        put = _Put(self._to, "put_later", queue, jobs, when)
        ids = [job_id for job_id, _ in put.items]
        self._held.put(put)
        return ids

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Whether they get their locks is known later: until then none stands in the way, and none is raised."""
        if terms.on_conflict == "raise":
            terms = replace(terms, on_conflict="skip")
        self._held.put(_Put(self._to, "put_unique", queue, claims, terms, when=when, front=front))
        return [None] * len(claims)

    def keeps_results(self) -> None:
        self._held.keeps_results(self._to.producer)
