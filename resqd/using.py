"""How a job is to be enqueued where that differs from the usual: on another queue, later, at the front, with limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, TypedDict, Unpack

from resqd.on_loops import beside
from resqd.store.later.later import When

if TYPE_CHECKING:
    from resqd.cron.declared import Declared
    from resqd.definition import Definition
    from resqd.tracing import Tracer

P = ParamSpec("P")


class GivenUsing(TypedDict, total=False):
    """What `using` takes, for type checkers; Delivery says what it means."""

    queue: str
    delay: float | timedelta
    at: datetime
    front: bool
    timeout: float
    expires: float


_NAMES: Final = tuple(GivenUsing.__annotations__)


FRONT: Final = "front"
"""The mark of a job that is to run later and goes to the front of its queue then; the first one, for promote.lua."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one job, or many, go to Redis."""

    queue: str | None = None
    """Where to; None: the job's own queue."""
    when: When | None = None
    """When it is due; None: now."""
    front: bool = False
    """Whether it goes before all that wait."""
    marks: Mapping[str, Any] = field(default_factory=dict)
    """What travels in the payload: `timeout` and `expires` in seconds for whoever runs it; see also FRONT."""

    def with_(self, given: GivenUsing) -> Delivery:
        """The same but for what is given. Errors: TypeError, ValueError, each naming what is wrong."""
        if unknown := [name for name in given if name not in _NAMES]:
            raise TypeError(f"using() takes {', '.join(_NAMES)}, and not {unknown[0]}")
        if "delay" in given and "at" in given:
            raise TypeError("using() takes delay or at, and not both")
        queue, due = given.get("queue", self.queue), when(given) or self.when
        if queue is not None and not (isinstance(queue, str) and queue.strip()):
            raise ValueError(f"queue is {queue!r}; give a name")
        marks = {name: _seconds(name, value) for name, value in self._marks(given).items()}
        front = bool(given.get("front", self.front or FRONT in self.marks))
        kept = {name: value for name, value in self.marks.items() if name != FRONT}
        first = {FRONT: 1} if front and due is not None else {}
        return replace(
            self, queue=queue, when=due, front=front and due is None, marks={**first, **kept, **marks}
        )

    @staticmethod
    def _marks(given: GivenUsing) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in {"timeout", "expires"}}


NOW: Final = Delivery()
"""On the job's own queue, at once."""


def when(given: GivenUsing) -> When | None:
    """The moment that is given, if one is. Errors: TypeError, ValueError."""
    if "delay" in given:
        return after(given["delay"])
    return at(given["at"]) if "at" in given else None


def after(delay: float | timedelta) -> When:
    """So long from now on, by Redis's clock. Errors: ValueError for less than nothing, or more than a clock holds."""
    return When.after(_seconds("delay", delay, least=0.0))


def at(moment: datetime) -> When:
    """At a moment. Errors: ValueError for a datetime without a time zone: it would mean another time elsewhere."""
    if not isinstance(moment, datetime):
        raise TypeError(
            f"a moment is a datetime with a time zone, and not {moment!r}; for seconds use a delay"
        )
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give one: datetime(..., tzinfo=UTC)")
    return When.at(moment.timestamp())


_MOST: Final = 100 * 366 * 86_400.0


def _seconds(name: str, value: float | timedelta, *, least: float | None = None) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} is {value!r}; give seconds, or a timedelta")
    if not (seconds > 0 if least is None else seconds >= least) or seconds > _MOST:
        raise ValueError(
            f"{name} is {value!r}; give seconds {'above' if least is None else 'from'} 0, up to 100 years"
        )
    return float(seconds)


class Sender(Protocol):
    """Where it goes."""

    tracer: Tracer | None
    """Who is told of each enqueueing; None: nobody."""

    def deliver(self, job: Any, args: Sequence[Any], delivery: Delivery) -> str | None:
        """Put one job as told; its id, or None where a hook vetoed."""

    def deliver_many(self, job: Any, batch: Iterable[Sequence[Any]], delivery: Delivery) -> list[str | None]:
        """Put many jobs as told; their ids, None for each that a hook vetoed."""


class JobSender(Sender, Protocol):
    """Where a job's `enqueue` goes: the Producer of its App."""

    timetable: Declared | None
    """The entries of jobs that recur, where there are any."""

    def send(self, job: Any, queue: str, args: Sequence[Any]) -> str | None:
        """Put one job on a queue; its id, or None where a hook vetoed."""

    def send_many(self, job: Any, queue: str, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Put many jobs on a queue, 2,000 to a round trip; their ids, None for each that a hook vetoed."""


class Using(Generic[P]):
    """A job, and how it is to be enqueued. Made by `Job.using`; it may be kept and used again."""

    def __init__(self, job: Any, definition: Definition, sender: Sender, delivery: Delivery) -> None:
        self._job = job
        self._definition = definition
        self._sender = sender
        self._delivery = delivery

    def using(self, **given: Unpack[GivenUsing]) -> Using[P]:
        """The same but for what is given."""
        return Using(self._job, self._definition, self._sender, self._delivery.with_(given))

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Enqueue the job as told; its id, or None where a before_enqueue hook vetoed."""
        return self._sender.deliver(self._job, self._definition.bind(args, kwargs), self._delivery)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same for a task on an event loop, which goes on meanwhile."""
        return await beside(partial(self.enqueue, *args, **kwargs))

    def enqueue_many(self, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Enqueue one job for each list or tuple of positional arguments, as told; see Job.enqueue_many."""
        return self._sender.deliver_many(self._job, self._definition.rows(batch), self._delivery)

    async def aenqueue_many(self, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """The same for a task."""
        return await beside(partial(self.enqueue_many, batch))

    def signature(self, *args: P.args, **kwargs: P.kwargs) -> Signature:
        """The job with these arguments, not enqueued. Raises TypeError if they do not fit."""
        return Signature(self._job, tuple(self._definition.bind(args, kwargs)), self._delivery, self._sender)

    s = signature

    def __repr__(self) -> str:
        return f"<{self._job.name} {self._delivery}>"


@dataclass(frozen=True, slots=True)
class Signature:
    """A job with its arguments, to be enqueued by whoever is given it."""

    job: Any
    args: tuple[Any, ...]
    delivery: Delivery
    _sender: Sender = field(repr=False, compare=False)

    def using(self, **given: Unpack[GivenUsing]) -> Signature:
        """The same, to be enqueued otherwise."""
        return replace(self, delivery=self.delivery.with_(given))

    @property
    def tracer(self) -> Tracer | None:
        """Who is told when it is enqueued."""
        return self._sender.tracer

    def enqueue(self) -> str | None:
        """Enqueue it; its id, or None where a before_enqueue hook vetoed."""
        return self._sender.deliver(self.job, self.args, self.delivery)

    async def aenqueue(self) -> str | None:
        """The same for a task on an event loop, which goes on meanwhile."""
        return await beside(self.enqueue)

    def __repr__(self) -> str:
        return f"{self.job.name}({', '.join(map(repr, self.args))})"
