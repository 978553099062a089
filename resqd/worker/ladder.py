"""The worker's part of stopping jobs: ask, interrupt, interrupt once more. The master owns the last step, the kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resqd.text import id_fault, shown
from resqd.worker.interrupt import Slot


@dataclass(frozen=True, slots=True)
class _Again:
    slot: Slot
    token: int
    at: float


class Ladder:
    """Interrupts jobs by their slots. The second interrupt comes at half of the grace: `__del__` may swallow one."""

    def __init__(self, *, slots: Sequence[Slot], grace: float) -> None:
        self._slots = slots
        self._grace = grace
        self._again: list[_Again] = []
        self._struck: dict[Slot, int] = {}

    def kill_all(self, now: float) -> list[tuple[str, int]]:
        """Interrupt every current job that is not being interrupted already; the id and token of each."""
        return [struck for slot in self._slots if (struck := self._strike(slot, slot.token, now))]

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
        """When `tick` has something to do."""
        return min((again.at for again in self._again), default=None)

    def _strike(self, slot: Slot, token: int, now: float) -> tuple[str, int] | None:
        payload = slot.payload
        if self._struck.get(slot) == token or not slot.interrupt(token):
            return None
        self._struck[slot] = token
        self._again.append(_Again(slot, token, now + self._grace / 2))
        return (shown(payload.id) if payload and payload.id else "", token)
