"""States: one colour, one shape and one word, always together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.web import words
from resqd.web.data.wrong import BEHIND

if TYPE_CHECKING:
    from resqd.store.resque.pauses import Note
    from resqd.web.data.snapshot import Host, Queue


@dataclass(frozen=True, slots=True)
class State:
    """`colour` is a class of the stylesheet, `shape` a symbol of the sprite. A plain one has no ground.

    `rank` sorts trouble first; `note` says more under the name.
    """

    word: str
    colour: str
    shape: str
    rank: int
    plain: bool = False
    note: str = ""


_FLOWING: Final = State("Flowing", "done", "done", 3, plain=True)
_IDLE: Final = State("Idle", "ended", "ended", 4, plain=True)


def of_queue(queue: Queue, now: float) -> State:
    """How a queue is."""
    if queue.size is None:
        return State(
            "No queue", "failed", "alone", 0, note="Its key holds no list: another program writes there"
        )
    if queue.paused is not None:
        return State("Paused", "ended", "pause", 2, note=pause_note(queue.paused))
    if queue.size and not queue.workers:
        return State("No worker", "failed", "alone", 0, note="No running daemon lists it")
    if queue.size and queue.oldest is not None and now - queue.oldest > BEHIND:
        return State(
            "Behind", "retry", "warn", 1, note=f"The oldest waits for {words.age(now - queue.oldest)}"
        )
    if queue.size or queue.running:
        return _FLOWING
    return _IDLE


def rank_of(queue: Queue, now: float) -> int:
    """The rank of its state, for ten thousand of them: `of_queue` without words."""
    size = queue.size
    if size is None:
        return 0
    if queue.paused is not None:
        return 2
    if size:
        if not queue.workers:
            return 0
        return 1 if queue.oldest is not None and now - queue.oldest > BEHIND else _FLOWING.rank
    return _FLOWING.rank if queue.running else _IDLE.rank


def pause_note(note: Note) -> str:
    """Who paused it, since when and why, as far as that is known."""
    by = f" by {words.name(note.by)}" if note.by else ""
    since = f" since {words.clock(note.at)}" if note.at is not None else ""
    why = f": “{words.cut(note.why, 80)}”" if note.why else ""
    return f"Paused{by}{since}{why}"


def of_host(host: Host) -> State:
    """How a daemon is."""
    if host.silent:
        return State("Silent", "retry", "silent", 0)
    return State("Up", "done", "up", 2, plain=True)
