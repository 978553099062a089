"""Limits with who holds them and who waits, and the locks of unique jobs, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.resque import payload as payloads
from resqd.web import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.gates.calls import Parked
    from resqd.store.gates.gates import GateState, LimitLine
    from resqd.store.unique.locks import Lock
    from resqd.web.data.masks import Masks

WAITING: Final = 50
"""Jobs that wait at one gate, and are shown."""
LOCKS: Final = 100


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit: what it allows, in words."""

    line: LimitLine
    allows: str
    declared: str

    @property
    def full(self) -> bool:
        """Whether jobs wait for it."""
        return self.line.waiting > 0


def limit_row(line: LimitLine) -> LimitRow:
    """A limit as a row."""
    declared = rule(line.definition)
    allows = declared if line.people is None else rule(line.definition, line.people)
    return LimitRow(line, allows, declared)


def rule(definition: str | None, most: int | None = None) -> str:
    """What a definition allows, `most` in place of its own number."""
    kind, number, span = [*(definition or "").split(), "", "", ""][:3]
    if most is None:
        if not number.isdecimal():
            return "declared by nobody"
        most = int(number)
    if kind == "r" and span.isdecimal():
        return f"{words.count(most)} in {words.age(int(span) / 1_000_000)}"
    return f"{words.count(most)} at a time"


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A job that waits at a gate."""

    job_id: str
    job_class: str
    line: str
    queue: str
    others: tuple[str, ...]
    """The other gates that it needs."""


def waiting_row(parked: Parked, gate: str, masks: Masks) -> WaitingRow:
    """A parked job as a row."""
    job = payloads.decode_or_explain(parked.raw)
    return WaitingRow(
        job_id=job.id or parked.ticket,
        job_class=job.job_class,
        line=masks.line(job.job_class, job.args),
        queue=parked.queue,
        others=tuple(name for name in parked.gates if name != gate),
    )


def value_of(gate: str) -> str:
    """What a gate is counted by; empty where it is the limit itself."""
    return gate.partition("=")[2]


def limit(
    row: LimitRow, gates: Sequence[GateState], chosen: GateState, waiting: Sequence[WaitingRow]
) -> dict[str, object]:
    """What the page of one limit shows: its values, and who holds and waits at the chosen one."""
    return {
        "row": row,
        "gates": [(value_of(gate.name), gate) for gate in gates],
        "chosen": chosen,
        "value": value_of(chosen.name),
        "waiting": waiting,
    }


@dataclass(frozen=True, slots=True)
class LockRow:
    """One lock: who holds it and for how long; `ends` is seconds until a window is over."""

    lock: Lock
    held: float | None
    ends: float | None


def unique(locks: Sequence[Lock], counts: tuple[int, int], sought: str, now: float) -> dict[str, object]:
    """What the page of unique jobs shows."""
    rows = [
        LockRow(
            lock,
            None if lock.since is None else max(0.0, now - lock.since),
            None if lock.until is None else max(0.0, lock.until - now),
        )
        for lock in locks
    ]
    rows.sort(key=lambda row: (row.held is None, -(row.held or 0.0)))
    return {"rows": rows, "locks": counts[0], "windows": counts[1], "sought": sought}
