"""Blocks of running jobs' code that hold gates: they enter, wait in line with parked jobs, and leave."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from resqd.store.gates.calls import Block, enter_call, leave_call, settle_call, woken_key
from resqd.store.names import to_text

if TYPE_CHECKING:
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

_TRIES: Final = 3
"""How often others are let go on first, before a block waits for its turn."""


class Answer(Enum):
    """What a block hears: it holds its gate, waits, its job is in flight no more, or nobody has defined the limit."""

    IN = b"in"
    WAIT = b"wait"
    GONE = b"gone"
    UNKNOWN = b"unknown"


class Entry(NamedTuple):
    """The answer, and in how many seconds there may be room; None where nobody knows."""

    answer: Answer
    due_in: float | None = None


def enter(link: Link, keys: Keys, block: Block, *, force: bool = False) -> Entry:
    """Let a block hold its gate, or stand in line there. Asking again changes nothing. Errors: StoreError."""
    entry = Entry(Answer.WAIT)
    for _ in range(_TRIES):
        answer, due, others = link.run_script(enter_call(keys, block, force=force))
        entry = Entry(Answer(answer), None if int(due) < 0 else int(due) / 1_000_000)
        if entry.answer is not Answer.WAIT or not others:
            break
        link.run_naming(partial(settle_call, keys, [block.gate.name]))
    return entry


def wait(link: Link, keys: Keys, block: Block, seconds: float) -> None:
    """Wait until the block may have been let in, so many seconds at the most. Errors: StoreError."""
    link.call("BLPOP", woken_key(keys, block), f"{max(0.001, seconds):.3f}")


def leave(link: Link, keys: Keys, block: Block) -> None:
    """End a block, whether it holds its gate or waits there, and let the next go on. Errors: StoreError."""
    gates = [block.gate.name]
    link.run_script(leave_call(keys, block))
    while gates:
        _, _, again = link.run_naming(partial(settle_call, keys, gates))
        gates = [to_text(name) for name in again]
