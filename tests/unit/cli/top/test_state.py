"""What keys make of what is shown."""

from __future__ import annotations

from resqd.cli.top.look import Look
from resqd.cli.top.state import Mode, View, Wish
from tests.unit.cli.top.looks import COLUMNS, line, look


class Sitting:
    """Somebody at a view."""

    def __init__(self) -> None:
        self.view = View(COLUMNS)
        self.look = look()

    def press(self, *keys: str) -> Wish | None:
        wish = None
        for key in keys:
            wish = self.view.press(key, self.look)
        return wish

    def workers(self) -> str:
        return "".join(each.cells[0] for each in self.view.lines(self.look))

    def at(self) -> str:
        shown = self.view.lines(self.look)
        return shown[self.view.chosen(shown)].cells[0]


def test_the_longest_running_comes_first_and_what_is_idle_last() -> None:
    """As it begins; `s` goes on to the next column, where names rise, and `S` turns the order."""
    me = Sitting()
    assert me.workers() == "201"
    me.press("s")
    assert [each.cells[2] for each in me.view.lines(me.look)] == ["(idle)", "Archive", "Send"]
    me.press("S")
    assert [each.cells[2] for each in me.view.lines(me.look)] == ["Send", "Archive", "(idle)"]
    me.press("s", "s")
    assert me.view.sorted_by == (0, True)
    assert me.workers() == "210"


def test_the_chosen_line_stays_chosen_where_the_order_changes() -> None:
    """It is known by its place; where that is gone, the first line is chosen. The ends are ends."""
    me = Sitting()
    assert me.at() == "2"
    me.press("down")
    assert me.at() == "0"
    me.look = look(line(0, 99.0, "Send", "cc"), line(2, 70.0, "Archive", "bb"))
    assert (me.workers(), me.at()) == ("02", "0")
    me.press("end", "down")
    assert me.at() == "2"
    me.press("home", "up", "page up")
    assert me.at() == "0"
    me.look = look(line(5, 1.0, "Send", "dd"))
    assert me.at() == "5"


def test_a_filter_is_typed_and_taken_away() -> None:
    """Letters are letters then; Enter keeps it, Escape ends it."""
    me = Sitting()
    me.press("/", "A", "r", "q", "backspace", "c", "up")
    assert (me.view.filter, me.workers(), me.view.mode) == ("Arc", "2", Mode.TYPING)
    me.press("enter")
    assert (me.view.mode, me.workers(), me.view.leaving) == (Mode.LOOKING, "2", False)
    me.press("escape")
    assert me.workers() == "201"
    me.press("/", "z", "escape")
    assert (me.view.filter, me.view.mode) == ("", Mode.LOOKING)


def test_a_kill_asks_first_and_means_what_stood_there() -> None:
    """Though another job runs on the thread when the answer comes."""
    me = Sitting()
    assert me.press("k") is None
    assert me.view.message == "kill Archive bb? y kills it, any other key keeps it running"
    me.look = look(line(2, 0.1, "Archive", "other"))
    wish = me.press("y")
    assert wish is not None
    assert (wish.command, wish.line and wish.line.target) == ("kill", "bb")
    assert me.press("k", "n") is None
    assert (me.view.message, me.view.mode) == ("nothing was killed", Mode.LOOKING)
    assert me.press("y") is None


def test_there_is_nothing_to_kill_on_an_idle_thread() -> None:
    """Nor in an empty table."""
    me = Sitting()
    me.press("end", "k")
    assert (me.view.message, me.view.mode) == ("no job runs there", Mode.LOOKING)
    me.look = Look((), COLUMNS, ())
    me.press("down", "k")
    assert me.view.message == "no job runs there"


def test_pause_and_resume_mean_the_chosen_line() -> None:
    """They ask nothing, as they harm nothing."""
    me = Sitting()
    paused, resumed = me.press("down", "p"), me.press("r")
    assert paused is not None
    assert resumed is not None
    assert (paused.command, paused.line and paused.line.key) == ("pause", "0")
    assert resumed.command == "resume"
    me.look = Look((), COLUMNS, ())
    assert me.press("p") == Wish("pause", None)


def test_leaving_holding_and_help() -> None:
    """q in the table, Ctrl-C everywhere; any key ends the help and does nothing else."""
    me = Sitting()
    me.press(" ")
    assert me.view.held
    me.press("?", "q")
    assert (me.view.mode, me.view.leaving) == (Mode.LOOKING, False)
    me.press("/", "ctrl c")
    assert me.view.leaving
    other = Sitting()
    other.press("q")
    assert other.view.leaving
