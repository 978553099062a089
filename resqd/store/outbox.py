"""What an owner of jobs in flight tells Redis, and what it hears: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

Reservation = tuple[int, str, bytes]
"""A job taken from a queue: token, queue, payload."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed. `lists` are the keys that take `record`; without lists, or a record, it only counts.

    `failed_queue` is a name to add to the set of failed queues.
    """

    token: int
    record: bytes | None
    lists: tuple[str, ...] = ()
    failed_queue: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """A job that goes back to the front of where it came from.

    One that had `begun` counts a recovery, or, where a verdict on it is due, stays in flight for recovery to judge.
    """

    token: int
    begun: bool = False


@dataclass(slots=True)
class Outbox:
    """What Redis must still be told; an exchange takes out what Redis confirmed."""

    done: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    returned: list[Return] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.done or self.failed or self.returned)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange brought, and how many jobs Redis really removed for each part of the outbox.

    `skipped` are queues whose key is not a list. So many as `withheld` jobs of the outbox that failed are still in
    flight, with their records beside them, as `refusal` says why: see Inflight.record.
    """

    batch: list[Reservation]
    processed: int = 0
    failed: int = 0
    returned: int = 0
    skipped: tuple[str, ...] = ()
    withheld: int = 0
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many of the failed jobs whose records were refused are `recorded` now, how many `left`, and why."""

    recorded: int
    left: int
    refusal: str
