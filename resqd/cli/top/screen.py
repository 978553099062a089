"""A picture of a look, as large as the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from resqd.cli.top.look import Column, Line, Look, Remark
from resqd.cli.top.state import Mode, View

_GAP: Final = 2
_LEAST: Final = 8
"""Cells that the last column has at least; columns that leave less are left out, from the right, but for the first."""
KEYS: Final = "q quit  arrows choose  s sort  S turn  / filter  k kill  p pause  r resume  space hold  ? help"
_HELP: Final = (
    ("arrows, page up, page down, home, end", "choose a line"),
    ("s, S", "sort by the next column; turn the order"),
    ("/", "show only lines that hold a text; Enter keeps it, Esc takes it away"),
    ("k", "kill the chosen line's job; it asks first"),
    ("p, r", "pause the daemon: it takes no new jobs; resume"),
    ("space", "hold the picture, and go on"),
    ("q, Ctrl-C", "quit"),
)


def whole(look: Look, view: View, *, width: int) -> RenderableType:
    """All lines, without keys: for a pipe."""
    shown = view.lines(look)
    return Group(*_head(look), *_table(look.columns, shown, view, width=width, chosen=None))


def picture(look: Look, view: View, *, width: int, height: int, trouble: str = "") -> RenderableType:
    """What fits into the window, around the chosen line."""
    foot = _foot(view, width)
    if view.mode is Mode.HELPING:
        return _fitted([*_help(), Text(""), Text("any key goes back")], width, height)
    head = _head(look)
    if trouble:
        head.append(Text(trouble, style="red"))
    shown = view.lines(look)
    room = max(1, height - len(head) - 2)
    at = view.chosen(shown)
    first = min(max(0, at - room // 2), max(0, len(shown) - room))
    some = shown[first : first + room]
    rows = _table(look.columns, some, view, width=width, chosen=at - first if shown else None)
    if not shown:
        rows.append(Text("no line has this text; Esc shows all" if view.filter else "nothing runs", "yellow"))
    body = [*head, *rows]
    body += [Text("")] * (height - 1 - len(body))
    return _fitted([*body[: height - 1], foot], width, height)


def _fitted(lines: Sequence[Text], width: int, height: int) -> Group:
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
    return Group(*lines[:height])


def _head(look: Look) -> list[Text]:
    return [_remark(remark) for remark in look.head]


def _remark(remark: Remark) -> Text:
    return Text(remark.text, style=remark.tone)


def _help() -> list[Text]:
    wide = max(len(keys) for keys, _ in _HELP)
    return [Text(f"{keys:{wide}}  {meaning}") for keys, meaning in _HELP]


def _foot(view: View, width: int) -> Text:
    if view.mode is Mode.TYPING:
        return Text(f"filter: {view.filter}_")
    if view.message:
        return Text(view.message, style="bold")
    notes = [f"filter: {view.filter}"] if view.filter else []
    notes += ["held"] if view.held else []
    note = f"[{', '.join(notes)}]  " if notes else ""
    keys = KEYS if len(KEYS) + len(note) <= width else "q quit  ? help"
    return Text(note + keys, style="dim")


def _table(
    columns: Sequence[Column], lines: Sequence[Line], view: View, *, width: int, chosen: int | None
) -> list[Text]:
    widths = widths_in(columns, width)
    by, largest_first = view.sorted_by
    titles = [
        f"{column.title}{'↓' if largest_first else '↑'}" if at == by else column.title
        for at, column in enumerate(columns)
    ]
    rows = [Text(_row(columns, widths, titles), style="bold")]
    for at, line in enumerate(lines):
        text = _row(columns, widths, line.cells)
        rows.append(Text(text.ljust(width), style="reverse") if at == chosen else Text(text))
    return rows


def widths_in(columns: Sequence[Column], width: int) -> list[int]:
    """How wide each column is in a window; 0 where it is left out. The last that is shown takes what is left."""
    kept = len(columns)
    while kept > 1 and _taken(columns[: kept - 1]) + _LEAST > width:
        kept -= 1
    left = width - _taken(columns[: kept - 1])
    return [*(column.width for column in columns[: kept - 1]), max(1, left), *[0] * (len(columns) - kept)]


def _taken(columns: Sequence[Column]) -> int:
    return sum(column.width + _GAP for column in columns)


def _row(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    shown = [
        _cell(cell, width, right=column.number)
        for column, width, cell in zip(columns, widths, cells, strict=True)
        if width
    ]
    return (" " * _GAP).join(shown).rstrip()


def _cell(text: str, width: int, *, right: bool) -> str:
    cell = Text(text)
    cell.truncate(width, overflow="ellipsis")  # by cells and not by characters: some take two
    padding = " " * (width - cell.cell_len)
    return padding + cell.plain if right else cell.plain + padding
