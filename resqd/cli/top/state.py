"""What somebody who looks has chosen: order, filter, line, question. Keys in, wishes out; no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from resqd.cli.top.look import KILL, PAUSE, RESUME, Column, Command, Line, Look

TIME: Final = "time"
"""The column that is sorted by first."""
_MOST_TYPED: Final = 100
_PAGE: Final = 10
_MOVES: Final = {"up": -1, "down": 1, "page up": -_PAGE, "page down": _PAGE, "home": -(10**6), "end": 10**6}


class Mode(Enum):
    """What a key means now."""

    LOOKING = auto()
    TYPING = auto()
    ASKING = auto()
    HELPING = auto()


_COMMANDS: Final[dict[str, Command]] = {"p": PAUSE, "r": RESUME}
_MODES: Final = {"/": Mode.TYPING, "?": Mode.HELPING, "h": Mode.HELPING}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done to which line; None means the daemon that is looked at."""

    command: Command
    line: Line | None


class View:
    """One sitting in front of the table."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.mode = Mode.LOOKING
        self.filter = ""
        self.message = ""
        self.leaving = False
        self.held = False
        self._columns = columns
        self._titles = [column.title for column in columns]
        self._by = self._titles.index(TIME)
        self._turned = False
        self._chosen: str | None = None
        self._asked: Wish | None = None

    @property
    def sorted_by(self) -> tuple[int, bool]:
        """The column, and whether its largest stands first."""
        return self._by, self._columns[self._by].number != self._turned

    def lines(self, look: Look) -> list[Line]:
        """Those that the filter matches, in order."""
        by, largest_first = self.sorted_by
        sought = self.filter.casefold()
        shown = [line for line in look.lines if sought in " ".join(line.cells).casefold()]
        shown.sort(key=lambda line: line.key)
        shown.sort(key=lambda line: line.order[by], reverse=largest_first)
        return shown

    def chosen(self, shown: Sequence[Line]) -> int:
        """Where the chosen line stands; the first one where it has gone."""
        return next((at for at, line in enumerate(shown) if line.key == self._chosen), 0)

    def press(self, key: str, look: Look) -> Wish | None:
        """A key was pressed; what is to be done now, if anything."""
        if key == "ctrl c":
            self.leaving = True
            return None
        if self.mode is Mode.TYPING:
            self._type(key)
            return None
        if self.mode is Mode.ASKING:
            return self._answer(key)
        if self.mode is Mode.HELPING:
            self.mode = Mode.LOOKING
            return None
        self.message = ""
        return self._look(key, look)

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self.mode = Mode.LOOKING
            if key == "escape":
                self.filter = ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable() and len(self.filter) < _MOST_TYPED:
            self.filter += key

    def _answer(self, key: str) -> Wish | None:
        wish, self._asked = self._asked, None
        self.mode = Mode.LOOKING
        self.message = "" if key == "y" else "nothing was killed"
        return wish if key == "y" else None

    def _look(self, key: str, look: Look) -> Wish | None:
        shown = self.lines(look)
        line = shown[self.chosen(shown)] if shown else None
        if key in _COMMANDS:
            return Wish(_COMMANDS[key], line)
        if key in _MOVES:
            self._move(_MOVES[key], shown)
        elif key == "k":
            self._ask_kill(line)
        else:
            self._change(key)
        return None

    def _change(self, key: str) -> None:
        """What is shown, and how."""
        if key == "q":
            self.leaving = True
        elif key in ("s", "S"):
            self._sort(turn=key == "S")
        elif key in _MODES:
            self.mode = _MODES[key]
        elif key == "escape":
            self.filter = ""
        elif key == " ":
            self.held = not self.held

    def _move(self, by: int, shown: Sequence[Line]) -> None:
        if shown:
            at = min(max(self.chosen(shown) + by, 0), len(shown) - 1)
            self._chosen = shown[at].key

    def _sort(self, *, turn: bool) -> None:
        if turn:
            self._turned = not self._turned
        else:
            self._by, self._turned = (self._by + 1) % len(self._titles), False

    def _ask_kill(self, line: Line | None) -> None:
        if line is None or not line.job:
            self.message = "no job runs there"
            return
        self._asked = Wish(KILL, line)
        self._chosen = line.key
        self.mode = Mode.ASKING
        self.message = f"kill {line.job}? y kills it, any other key keeps it running"
