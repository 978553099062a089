"""What an owner of jobs in flight tells Redis and asks of it, and what it hears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from resqd.store.debts import Debts
from resqd.store.gates.calls import Most

ALL: Final = Most()


class Ring(NamedTuple):
    """Queues that are served in turn, from the `first` to the `last` of all, counted from 1.

    Rings of one `label` share their turn among all daemons. What others leave is dealt out by `weight`.
    """

    label: str
    first: int
    last: int
    weight: int = 1


Turns = tuple[tuple[Ring, int], ...]


@dataclass(frozen=True, slots=True)
class Want:
    """Up to `count` jobs and about `byte_budget` bytes, from queues in strict order, each with a limit (0: none).

    With `turns`, rings with their shares of `count`, in the order in which they get what others leave: not in strict
    order, but from each ring its share, in turn.
    Pass the same tuple of queues again and again: what is made of it is kept as long as it is the same object.
    Suspects are taken in the order of their list, but for those of the `closed` queues.
    """

    count: int
    queues: tuple[tuple[str, int], ...] = ()
    byte_budget: int = 1 << 20
    closed: tuple[str, ...] = ()
    turns: Turns = ()
    begin: Most = ALL
    """How many of them may begin; what is over goes back."""


Reservation = tuple[int, str, bytes]
"""A job taken from a queue: token, queue, payload."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed. `lists` are the keys that take `record`; without lists, or a record, it only counts.

    `failed_queue` is a name to add to the set of failed queues. What is kept of earlier tries under the id
    `tried` goes into the record. `late`: it timed out. `debts` are settled.
    """

    token: int
    record: bytes | None
    lists: tuple[str, ...] = ()
    failed_queue: str = ""
    tried: str = ""
    late: bool = False
    debts: Debts = ()


@dataclass(frozen=True, slots=True)
class Postpone:
    """A job that runs again in `delay` seconds.

    `kind`: as a retry, one that has timed out, a snooze, which counts no try, or elsewhere, as it is not known here.
    It is found among those that are later by its `ticket`, or by that and a number. What is kept of its tries stands
    under the id `tried` ('': nothing is), to which `attempt`, a JSON object, is added. `new_id` becomes the id of a
    payload that has none.
    """

    token: int
    delay: float
    kind: Literal["retry", "timeout", "snooze", "elsewhere"]
    ticket: str
    tried: str = ""
    new_id: str = ""
    attempt: bytes = b""


class Dismiss(NamedTuple):
    """A job that has ended without a record; what is kept of its tries under the id `tried` goes.

    A success is told so where something is kept of it, or it has `debts`.
    """

    token: int
    kind: Literal["done", "discarded", "expired"]
    tried: str = ""
    debts: Debts = ()

    @property
    def batched(self) -> bool:
        """Whether it is done, and all that there is to settle is its place in a batch."""
        debts = self.debts
        return self.kind == "done" and not self.tried and len(debts) == 1 and debts[0][0] == "batch"


@dataclass(frozen=True, slots=True)
class Return:
    """A job that goes back to the front of where it came from, uncharged."""

    token: int


@dataclass(slots=True)
class Outbox:
    """What Redis must still be told; an exchange takes out what Redis confirmed.

    `checkpoints` say how far jobs have come that go on, and are told before all else.
    """

    done: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    returned: list[Return] = field(default_factory=list)
    postponed: list[Postpone] = field(default_factory=list)
    dismissed: list[Dismiss] = field(default_factory=list)
    checkpoints: dict[int, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.done or self.checkpoints or self.rest)

    @property
    def rest(self) -> bool:
        """Whether it tells of jobs that have not simply succeeded."""
        return bool(self.failed or self.returned or self.postponed or self.dismissed)

    @property
    def tokens(self) -> list[int]:
        """The jobs of whose ends it tells."""
        return [*self.done, *self.others]

    @property
    def others(self) -> list[int]:
        """Those of them that are no plain successes."""
        rest = (self.failed, self.postponed, self.dismissed, self.returned)
        return [each.token for part in rest for each in part]


class Tally(NamedTuple):
    """How many jobs were retried, discarded, expired, and how many timed out, which were retried or failed."""

    retried: int = 0
    discarded: int = 0
    expired: int = 0
    timeouts: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(one + more for one, more in zip(self, other, strict=True)))


NOTHING: Final = Tally()


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange brought, and how many jobs Redis really removed for each part of the outbox.

    `processed` jobs have ended after a run, failed and discarded ones too; `postponed` ones will run again.
    `skipped` are queues whose key is not a list. So many as `withheld` jobs of the outbox that failed are still in
    flight, with their records beside them, as `refusal` says why: see Inflight.record. So are the `unmoved` ones
    that were to be postponed, since a key is of another type. Besides its batch it took some jobs that are `parked`
    now, since a limit is full, and some that are `over`: they are in the outbox, to go back. So many as `passed` went
    on since jobs have ended.
    """

    batch: list[Reservation]
    processed: int = 0
    failed: int = 0
    returned: int = 0
    skipped: tuple[str, ...] = ()
    withheld: int = 0
    refusal: str = ""
    postponed: int = 0
    unmoved: tuple[Postpone, ...] = ()
    tally: Tally = NOTHING
    parked: int = 0
    over: int = 0
    passed: int = 0

    @property
    def ended(self) -> int:
        """How many jobs have left the worker with an outcome."""
        return self.processed + self.postponed + self.tally.expired


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many of the failed jobs whose records were refused are `recorded` now, how many `left`, and why."""

    recorded: int
    left: int
    refusal: str
