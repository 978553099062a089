"""What an owner tells in one exchange, part by part, and what Redis confirmed of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resqd.store.inflight.outbox import Exchanged, Outbox, Postpone, Tally
from resqd.store.inflight.tokens import token_from_text
from resqd.store.names import to_text
from resqd.store.redis.protocol import ScriptCall, ServerError, judge

if TYPE_CHECKING:
    from resqd.errors import StoreError
    from resqd.store.inflight.slots import Admitted
    from resqd.store.redis.connection import Reply

Key = str | bytes


@dataclass(slots=True)
class Counts:
    """What Redis confirmed, in the scripts' own answers."""

    done: int = 0
    failed: Sequence[Any] = (0, 0, b"", 0)
    returned: int = 0
    postponed: Sequence[Any] = (0, 0, 0, b"")
    dismissed: Sequence[int] = (0, 0, 0)
    unmoved: tuple[Postpone, ...] = ()
    passed: int = 0
    awaited: Sequence[str] = ()
    """The gates that the successful ones have held, and where others wait."""

    def exchanged(self, admitted: Admitted, skipped: tuple[str, ...]) -> Exchanged:
        """All that, and what may begin."""
        failed, withheld, refusal, late = self.failed
        moved, retried, late_moved, unmoved_why = self.postponed[:4]
        done, discarded, expired = self.dismissed
        return Exchanged(
            admitted.batch,
            processed=self.done + failed + done + discarded,
            failed=failed,
            returned=self.returned,
            skipped=skipped,
            withheld=withheld,
            refusal=to_text(refusal or unmoved_why),
            postponed=moved,
            unmoved=self.unmoved,
            tally=Tally(retried, discarded, expired, late + late_moved),
            parked=admitted.parked,
            over=len(admitted.over),
            passed=self.passed,
        )


@dataclass(slots=True)
class Part:
    """A part of the outbox, the call that tells it, and keys that this may concern."""

    items: list[Any] | dict[int, bytes]
    call: Callable[[Sequence[Key]], ScriptCall]
    named: list[Key]


def settle(outbox: Outbox, outgoing: list[Part], replies: list[Reply]) -> tuple[Counts, StoreError | None]:
    """Empties the parts of the outbox that Redis confirmed; the counts, and the first error."""
    counts = Counts()
    error: StoreError | None = None
    for part, reply in zip(outgoing, replies, strict=False):
        items = part.items
        if isinstance(reply, ServerError):
            error = error or judge(reply)
            continue
        if items is outbox.done and isinstance(reply, list):  # some may have held slots
            counts.done, counts.awaited = reply[0], [to_text(name) for name in reply[1:]]
        elif items is outbox.done:
            counts.done = reply
        elif items is outbox.failed:
            counts.failed = reply
        elif items is outbox.postponed:
            counts.postponed = reply
            left = {token_from_text(to_text(token)) for token in reply[4:]}
            counts.unmoved = tuple(each for each in outbox.postponed if each.token in left)
        elif items is outbox.dismissed:
            counts.dismissed = reply
        elif items is outbox.returned:
            counts.returned = reply
        items.clear()
    return counts, error
