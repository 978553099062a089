"""Clients that wait until every worker has confirmed that a pause, its end or a drain has taken effect."""

from __future__ import annotations

from dataclasses import dataclass, field

from resqd.clock import Clock
from resqd.master.child import LEAVING, Child
from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet
from resqd.wire.birth import Kind
from resqd.wire.intent import Intent
from resqd.wire.messages import Confirm, Confirmed

CONFIRM_TIMEOUT = 1.0
"""Seconds that the workers have to confirm; what was ordered stands, whether they have or not."""

_FULFILLED = {
    Intent.RUNNING: LEAVING | {Intent.RUNNING},  # one that leaves is not called back for it
    Intent.PAUSED: LEAVING | {Intent.PAUSED},
    Intent.DRAINING: LEAVING,
}
"""By what was ordered, the states in which a worker has done it."""


@dataclass(slots=True)
class _Wait:
    request: Request
    intent: Intent
    number: int
    until: float
    missing: dict[int, Child]
    sent: set[int] = field(default_factory=set)
    """The forks that were asked to confirm; only those that were told the intent before can be."""


class Confirmations:
    """Asks each worker after it was told, and answers the client when all have confirmed, or time is up."""

    def __init__(self, *, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._waits: list[_Wait] = []
        self._numbers = 0

    @property
    def pending(self) -> bool:
        """Whether a client waits."""
        return bool(self._waits)

    def begin(self, request: Request, intent: Intent) -> None:
        """Answer when the workers of this moment follow `intent`; those to come are born with it."""
        self._numbers += 1
        missing = {child.fork: child for child in self._fleet.working()}
        self._waits.append(_Wait(request, intent, self._numbers, self._clock() + CONFIRM_TIMEOUT, missing))

    def confirmed(self, child: Child, answer: Confirmed) -> None:
        """A worker's answer. One that a signal of its own took elsewhere meanwhile is told, and asked, again."""
        child.life.ended = child.life.ended or answer.request == 0
        state = Intent(answer.state)
        for wait in self._waits:
            if wait.number != answer.request:
                continue
            if state in _FULFILLED[wait.intent]:
                wait.missing.pop(child.fork, None)
            else:
                child.life.state = child.demands.told = state
                wait.sent.discard(child.fork)

    def tick(self, now: float) -> None:
        """Ask whom the plan has told by now, and answer what is settled."""
        for wait in self._waits:
            self._ask(wait)
        self._waits = [wait for wait in self._waits if not self._answered(wait, now)]

    def next_at(self) -> float | None:
        """When `tick` has something to do: at once where a worker has been told and not been asked."""
        ready = any(self._to_ask(wait) for wait in self._waits)
        return self._clock() if ready else min((wait.until for wait in self._waits), default=None)

    def _ask(self, wait: _Wait) -> None:
        wait.missing = {fork: child for fork, child in wait.missing.items() if not self._excused(child, wait)}
        for child in self._to_ask(wait):
            if child.channel.send(Confirm(wait.number)):
                wait.sent.add(child.fork)

    def _to_ask(self, wait: _Wait) -> list[Child]:
        fulfilled = _FULFILLED[wait.intent]
        return [
            child
            for child in wait.missing.values()
            if child.fork not in wait.sent and child.demands.told in fulfilled and not child.channel.pending
        ]

    def _excused(self, child: Child, wait: _Wait) -> bool:
        """Whether there is nothing to confirm: the worker is gone, at its end, or will run no job any more."""
        if child not in self._fleet.children or child.life.exiting is not None or child.life.ended:
            return True
        if wait.intent is Intent.RUNNING:
            beyond = child.kind is Kind.WORKER and child.index >= self._fleet.worker_count
            return child.retiring or beyond
        return child.grants.slots > 0 and child.grants.active == 0

    def _answered(self, wait: _Wait, now: float) -> bool:
        state = self._fleet.intent.value
        if self._fleet.intent is not wait.intent:
            why = f"{wait.intent.value}, and by another command {state} before every worker had confirmed"
            wait.request.reply({"ok": False, "error": why, "state": state})
        elif not wait.missing:
            wait.request.reply({"ok": True, "state": state})
        elif now >= wait.until:
            wait.request.reply({"ok": False, "error": _unconfirmed(wait), "state": state})
        else:
            return False
        return True


def _unconfirmed(wait: _Wait) -> str:
    names = ", ".join(
        child.label + ("" if child.life.booted else ", which is still booting")
        for child in wait.missing.values()
    )
    one = len(wait.missing) == 1
    may = "" if wait.intent is Intent.RUNNING else f": {'it' if one else 'they'} may still begin jobs"
    return (
        f"{wait.intent.value}, but not confirmed within {CONFIRM_TIMEOUT:g} s by {names}{may}; "
        "the order stands"
    )
