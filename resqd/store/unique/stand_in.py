"""The locks of unique jobs where tests record what is enqueued: what the scripts do, without Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from resqd.store.debts import owed_by
from resqd.store.later.later import MICRO

if TYPE_CHECKING:
    from resqd.store.unique.locks import Claim, Terms


class FakeLocks:
    """Locks and windows, by fingerprint. Times are in seconds since 1970."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, str]] = {}
        self._windows: dict[str, float] = {}

    def claim(self, claim: Claim, terms: Terms, now: float, *, replace: Callable[[str], bool]) -> str | None:
        """Take a lock; None, or the ticket of the job that has it. `replace` takes a job away that is later."""
        if terms.window:
            if self._windows.get(claim.fingerprint, now) > now:
                return ""
            self._windows[claim.fingerprint] = now + terms.window / MICRO
            return None
        since, holder = self._held.get(claim.fingerprint, (now, ""))
        replaced = bool(holder) and terms.on_conflict == "replace" and replace(holder)
        if holder and not replaced and now - since < terms.max_hold / MICRO:
            return holder
        self._held[claim.fingerprint] = now, claim.ticket
        return None

    def settle(self, raw: bytes, kind: str) -> None:
        """Release the lock of a job that begins ("start") or has ended ("unique"), if that is until when it held."""
        for debt in owed_by(raw):
            fingerprint, _, ticket = debt.member.partition(" ")
            if debt.kind == kind and self._held.get(fingerprint, (0.0, ""))[1] == ticket:
                del self._held[fingerprint]
