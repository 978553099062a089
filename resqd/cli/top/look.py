"""One look at threads: what both commands show, whoever was asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

Tone = Literal["", "green", "yellow", "red"]

PAUSE: Final = "pause"
RESUME: Final = "resume"
KILL: Final = "kill"
Command = Literal["pause", "resume", "kill"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A line above the table; its colour says no more than its words."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`width` cells for its widest value; numbers stand right, and are sorted with the largest first."""

    title: str
    width: int
    number: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One thread, or one daemon that runs nothing.

    `key` names its place from look to look, `order` is what it is sorted by in each column. `job` says what a kill
    would end, empty where it would be nothing, and `target` is what its source needs for an act on exactly that.
    """

    key: str
    cells: tuple[str, ...]
    order: tuple[float | str, ...]
    job: str = ""
    target: object = None


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that one picture shows."""

    head: tuple[Remark, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


class Source(Protocol):
    """Who is asked. All raise ResqdError."""

    def look(self) -> Look:
        """How it is now."""

    def act(self, command: Command, line: Line | None) -> str:
        """Do it, to a thread's job or to its daemon; what came of it, in a line. May take many seconds."""
