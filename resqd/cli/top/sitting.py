"""The loop of a sitting: look, draw, wait for a key; what takes long is done on a thread."""

from __future__ import annotations

import sys
import threading
from typing import Final

from rich.console import Console
from rich.live import Live

from resqd.cli.top.keys import RESIZED, WOKEN, Keyboard, keyboard
from resqd.cli.top.look import Look, Source
from resqd.cli.top.screen import picture, whole
from resqd.cli.top.state import View, Wish
from resqd.cli.views import console
from resqd.clock import Deadline
from resqd.errors import ResqdError
from resqd.text import escaped

_STDIN: Final = 0


def show(source: Source, *, interval: float, once: bool) -> None:
    """Until the user leaves; one picture where nobody could: in a pipe, or `once`. Errors: ResqdError, at first."""
    out = console()
    look = source.look()
    view = View(look.columns)
    if once or out.is_dumb_terminal or not (out.is_terminal and sys.stdin.isatty()):
        out.print(whole(look, view, width=out.width))
        return
    with keyboard(_STDIN) as keys, Live(console=out, auto_refresh=False, screen=True) as live:
        Sitting(source, keys=keys, look=look, view=view).run(live, out, interval)


class Sitting:
    """One, from the first picture to the last. One act at a time; a look that fails keeps the old numbers."""

    def __init__(self, source: Source, *, keys: Keyboard, look: Look, view: View) -> None:
        self._source = source
        self._keys = keys
        self._look = look
        self._view = view
        self._trouble = ""
        self._acting: threading.Thread | None = None

    def run(self, live: Live, out: Console, interval: float) -> None:
        """Until somebody leaves."""
        due = Deadline.after(interval)
        while not self._view.leaving:
            width, height = out.size
            shown = picture(self._look, self._view, width=width, height=height, trouble=self._trouble)
            live.update(shown, refresh=True)
            for key in self._keys.wait(due):
                if key not in (RESIZED, WOKEN):  # these only have it drawn anew
                    self._pressed(key)
            if due.expired():
                if not self._view.held:
                    self.refresh()
                due = Deadline.after(interval)

    def refresh(self) -> None:
        """Look anew."""
        try:
            self._look = self._source.look()
        except ResqdError as error:
            self._trouble = f"as of the last answer: {escaped(str(error))}"
        else:
            self._trouble = ""

    def _pressed(self, key: str) -> None:
        wish = self._view.press(key, self._look)
        if wish is None:
            return
        if self._acting is not None and self._acting.is_alive():
            self._view.message = "wait: the last command has not been answered"
            return
        self._view.message = f"{wish.command} …"
        self._acting = threading.Thread(target=self._act, args=(wish,), name="top act", daemon=True)
        self._acting.start()

    def _act(self, wish: Wish) -> None:
        try:
            said = self._source.act(wish.command, wish.line)
        except ResqdError as error:
            said = str(error)
        self._view.message = escaped(said)
        self._keys.wake()
