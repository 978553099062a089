"""The picture fits into its window, whatever is in it."""

from __future__ import annotations

import pytest
from rich.console import Console, RenderableType

from resqd.cli.top.look import Column
from resqd.cli.top.screen import KEYS, picture, whole, widths_in
from resqd.cli.top.state import View
from tests.unit.cli.top.looks import COLUMNS, line, look


def text(view: RenderableType, width: int = 100, height: int = 10) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return [row.rstrip() for row in capture.get().splitlines()]


def test_a_pipe_gets_every_line() -> None:
    """The remarks, the titles with an arrow at the sorted one, and the lines; no keys."""
    assert text(whole(look(), View(COLUMNS), width=100)) == [
        "mail  running",
        "worker   time↓  class         id".replace("time↓", "time↓"),
        "     2     70s  Archive       bb",
        "     0      3s  Send          aa",
        "     1       -  (idle)",
    ]


def test_the_window_is_filled_to_its_last_row() -> None:
    """Where the keys stand, or what was typed, or what came of it."""
    view = View(COLUMNS)
    shown = text(picture(look(), view, width=100, height=10))
    assert (len(shown), shown[-1]) == (10, KEYS)
    view.press("/", look())
    view.press("S", look())
    assert text(picture(look(), view, width=100, height=10))[-1] == "filter: S_"
    view.press("enter", look())
    assert text(picture(look(), view, width=70, height=10))[-1] == "[filter: S]  q quit  ? help"
    view.message = "killed bb"
    assert text(picture(look(), view, width=100, height=10))[-1] == "killed bb"


@pytest.mark.parametrize(("width", "height"), [(100, 10), (40, 6), (20, 4), (9, 3), (1, 1)])
def test_no_window_is_too_small(width: int, height: int) -> None:
    """No row is wider than it, and there are no more rows; the chosen line is among them where one is."""
    many = look(*[line(at, float(at), "Wörk" * 20 + "漢字" * 10, "x" * 50) for at in range(200)])
    view = View(COLUMNS)
    for key in ("end", "?"):
        view.press(key, many)
        console = Console(width=width, height=height)
        lines = console.render_lines(
            picture(many, view, width=width, height=height, trouble="no answer " * 9)
        )
        assert len(lines) <= height
        assert all(sum(part.cell_length for part in row) <= width for row in lines)
    view.press("x", many)
    if height >= 6:
        assert "     0" in "".join(text(picture(many, view, width=width, height=height), width, height))


def test_what_is_missing_says_why() -> None:
    """Nothing runs, or nothing matches."""
    view = View(COLUMNS)
    view.press("/", look())
    view.press("~", look())
    assert "no line has this text; Esc shows all" in text(picture(look(), view, width=100, height=10))


def test_trouble_stands_above_the_old_numbers() -> None:
    """They stay."""
    shown = text(picture(look(), View(COLUMNS), width=100, height=10, trouble="as of the last answer: gone"))
    assert shown[1] == "as of the last answer: gone"
    assert "Archive" in shown[3]


def test_help_takes_the_window() -> None:
    """Until a key is pressed."""
    view = View(COLUMNS)
    view.press("h", look())
    shown = text(picture(look(), view, width=100, height=12))
    assert any(row.startswith("k ") and row.endswith("it asks first") for row in shown)
    assert shown[-1] == "any key goes back"


def test_columns_that_do_not_fit_go_from_the_right() -> None:
    """The last that stays takes what is left; the first one always stays."""
    columns = (Column("a", 10), Column("b", 10), Column("c", 10))
    assert widths_in(columns, 50) == [10, 10, 26]
    assert widths_in(columns, 31) == [10, 19, 0]
    assert widths_in(columns, 5) == [5, 0, 0]
