"""From a job's interrupt to its process's end: what is struck again, and when the master is asked to kill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resqd.text import id_fault, shown
from resqd.worker.interrupt import Slot


@dataclass(frozen=True, slots=True)
class _Again:
    slot: Slot
    token: int
    at: float


class Alarm:
    """Wakes the control thread in time for a job's deadline, without a word where it will look early enough anyway.

    The control thread sets `awake_at` to infinity before it looks at all deadlines, and to the moment when it will
    look again before it sleeps; a job thread has set its deadline before it asks. So one of them sees the other's.
    """

    def __init__(self) -> None:
        self.awake_at = float("inf")
        self.ring: Callable[[], object] = lambda: None

    def set(self, moment: float) -> None:
        """See to it that the control thread looks at deadlines by that moment."""
        if moment < self.awake_at:
            self.ring()


class Ladder:
    """Interrupts jobs by their slots. The second interrupt comes at half of the grace: `__del__` may swallow one."""

    def __init__(
        self,
        *,
        slots: Sequence[Slot],
        grace: float,
        spared: set[int] | None = None,
        alarm: Alarm | None = None,
    ) -> None:
        self.alarm = alarm or Alarm()
        self._slots = slots
        self._spared = set() if spared is None else spared
        self._grace = grace
        self._again: list[_Again] = []
        self._struck: dict[Slot, int] = {}

    def overdue(self, now: float) -> list[tuple[str, int]]:
        """Interrupt the jobs whose time is over; the id and token of each."""
        return [
            struck
            for slot in self._slots
            if (deadline := slot.deadline) is not None
            and now >= deadline
            and (struck := self._strike(slot, slot.timed[0], now, late=True))
        ]

    def kill_all(self, now: float, *, spare: bool = False) -> list[tuple[str, int]]:
        """Interrupt every current job that is not being interrupted already; the id and token of each.

        `spare`: what the interrupt ends goes back to its queue, but for jobs that were to be killed before.
        """
        if spare:
            self._spared.update(slot.token for slot in self._slots if self._struck.get(slot) != slot.token)
        return [struck for slot in self._slots if (struck := self._strike(slot, slot.token, now))]

    def jobs(self) -> str:
        """The current jobs by class and id, for the log."""
        payloads = [slot.payload for slot in self._slots if slot.open]
        return ", ".join(
            f"{shown(one.job_class)} {shown(one.id or '(no id)')}" for one in payloads if one is not None
        )

    def kill(self, job_id: str, now: float) -> int:
        """Interrupt the job of this id, as it is shown; its token, or 0 when it does not run here.

        An id that can be no job's, such as an empty one, names none: not the jobs that have none, nor all.
        """
        wanted = None if id_fault(job_id) else shown(job_id)
        for slot in self._slots:
            token, payload = slot.token, slot.payload  # in this order: a stale token is refused by the slot
            if payload is None or payload.id is None or shown(payload.id) != wanted:
                continue
            if self._strike(slot, token, now) or (slot.open and slot.token == token):
                return token
        return 0

    def kill_token(self, token: int, now: float) -> bool:
        """Interrupt the job with this token; False when it no longer runs here."""
        return any(self._strike(slot, token, now) for slot in self._slots if slot.token == token)

    def tick(self, now: float) -> None:
        """Interrupt again what is due for it."""
        due = [again for again in self._again if now >= again.at]
        self._again = [again for again in self._again if now < again.at]
        for again in due:
            again.slot.interrupt(again.token)

    def next_at(self) -> float | None:
        """When `tick` or `overdue` has something to do."""
        moments = [again.at for again in self._again]
        moments += [
            slot.timed[1]
            for slot in self._slots
            if slot.open and slot.deadline and self._struck.get(slot) != slot.token
        ]
        return min(moments, default=None)

    def _strike(self, slot: Slot, token: int, now: float, *, late: bool = False) -> tuple[str, int] | None:
        payload = slot.payload
        if self._struck.get(slot) == token or not slot.interrupt(token, late=late):
            return None
        self._struck[slot] = token
        self._again.append(_Again(slot, token, now + self._grace / 2))
        return (shown(payload.id) if payload and payload.id else "", token)
