"""The loop: looks at its time, acts on a thread, keeps the old numbers in an outage."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from resqd.cli.top.keys import WOKEN
from resqd.cli.top.look import Command, Line, Look
from resqd.cli.top.sitting import Sitting
from resqd.cli.top.state import View
from resqd.clock import Deadline
from resqd.errors import ResqdError
from tests.support.waiting import wait_for
from tests.unit.cli.top.looks import COLUMNS, look


class Source:
    """Answers, or fails."""

    def __init__(self) -> None:
        self.fails = False
        self.looks = 0
        self.acts: list[tuple[str, object]] = []
        self.go = threading.Event()

    def look(self) -> Look:
        self.looks += 1
        if self.fails:
            raise ResqdError("the daemon is\ngone")
        return look()

    def act(self, command: Command, line: Line | None) -> str:
        self.acts.append((command, line and line.target))
        assert self.go.wait(20)
        if self.fails:
            raise ResqdError("no such job runs")
        return "done\x1b"


class Keys:
    """Somebody's keys, in turn; each may wait for a condition first."""

    def __init__(self, *turns: list[str]) -> None:
        self._turns = list(turns)
        self.woken = threading.Event()
        self.hook: Callable[[int], object] = abs  # by default nothing is done

    def wake(self) -> None:
        self.woken.set()

    def wait(self, deadline: Deadline) -> list[str]:
        assert deadline.remaining() >= 0
        self.hook(len(self._turns))
        return self._turns.pop(0)


def sit(source: Source, keys: Keys, *, interval: float = 1e6) -> tuple[View, str]:
    view = View(COLUMNS)
    file = io.StringIO()
    out = Console(file=file, width=100, height=10, force_terminal=True, color_system=None)
    sitting = Sitting(source, keys=keys, look=source.look(), view=view)  # type: ignore[arg-type] # has its methods
    with Live(console=out, auto_refresh=False, screen=True) as live:
        sitting.run(live, out, interval)
    return view, file.getvalue()


def test_it_looks_at_its_time_and_not_where_the_picture_is_held() -> None:
    """A wake draws, and presses no key."""
    source = Source()
    sit(source, Keys([WOKEN], [], ["q"]), interval=0)
    assert source.looks == 1 + 3
    source = Source()
    sit(source, Keys([" "], [], [], ["q"]), interval=0)
    assert source.looks == 1


def test_an_outage_keeps_the_old_numbers() -> None:
    """And says that they are old, on one line."""
    source = Source()
    keys = Keys([], ["q"])
    keys.hook = lambda left: setattr(source, "fails", True)  # noqa: ARG005 - whichever turn it is
    _, shown = sit(source, keys, interval=0)
    assert "as of the last answer: the daemon is\\ngone" in shown
    assert "Archive" in shown.rpartition("as of")[2]


def test_an_act_runs_beside_and_its_answer_is_shown() -> None:
    """One at a time; what is pressed meanwhile is told to wait."""
    source = Source()
    keys = Keys(["k", "y"], ["p"], [WOKEN], ["q"])

    def hook(left: int) -> None:
        if left == 3:
            wait_for(lambda: source.acts)
        if left == 2:
            source.go.set()
            assert keys.woken.wait(20)

    keys.hook = hook
    view, shown = sit(source, keys)
    assert source.acts == [("kill", "bb")]
    assert shown.index("kill …") < shown.index("wait: the last command has not been answered")
    assert "done\\x1b" in shown
    assert view.leaving


def test_an_act_that_fails_says_why() -> None:
    """As it would on the command line."""
    source = Source()
    source.go.set()
    keys = Keys(["p"], ["q"])

    def hook(left: int) -> None:
        source.fails = True
        if left == 1:
            assert keys.woken.wait(20)

    keys.hook = hook
    _, shown = sit(source, keys)
    assert "no such job runs" in shown
