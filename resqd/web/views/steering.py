"""What came of acts on daemons: in words, and who has not answered yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.resque.remote import ActAnswer

ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class Steering:
    """`said` is about the act that was just asked for: colour and sentence. `rows` are the newest answers.

    `signs`: daemons may obey more than what does little harm.
    """

    rows: tuple[ActAnswer, ...]
    said: tuple[str, str] | None
    signs: bool


def steering(told: Sequence[ActAnswer], *, asked: str, number: int, signs: bool) -> Steering:
    """The newest answers; `asked` is the act that this reader waits for, `number` how many daemons were asked."""
    mine = [each for each in told if asked and each.nonce.rpartition("-")[0] == asked]
    return Steering(tuple(told[:ROWS]), _said(mine, number) if asked and number else None, signs)


def _said(mine: Sequence[ActAnswer], number: int) -> tuple[str, str]:
    refused = [each for each in mine if not each.ok]
    if refused:
        return "failed", f"{len(refused)} of {number} refused: {refused[0].said}."
    if len(mine) < number:
        return (
            "waiting",
            f"Asked; {len(mine)} of {number} have answered. A daemon answers after its next heartbeat; one that "
            "has not heard of it after 10 s never does it.",
        )
    done = sorted({each.said for each in mine})
    return "done", f"{mine[0].command.capitalize()}: done ({', '.join(done)[:200]})."
