"""The keyboard: bytes of a terminal become names of keys, and a resized window is a key too."""

from __future__ import annotations

import os
import re
import select
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from resqd.clock import Deadline

RESIZED: Final = "resized"
WOKEN: Final = "woken"
_READ: Final = 1024
_TORN: Final = 0.05
"""Seconds within which the rest of a sequence comes."""
_NAMES: Final = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1bOH": "home",
    "\x1bOF": "end",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "ctrl c",
    "\x04": "ctrl c",
}
_KEY: Final = re.compile(r"\x1b(?:\[[0-9;]*[ -/]*[@-~]|O[@-~])|.", re.DOTALL)
"""One key: a sequence that begins with an escape, whole, or one character."""


def keys_in(data: bytes) -> list[str]:
    """The keys in what a terminal has sent at once; a sequence that has no name here is passed over."""
    found = _KEY.findall(data.decode("utf-8", "replace"))
    return [_NAMES.get(key, key) for key in found if key in _NAMES or len(key) == 1]


class Keyboard:
    """Waits for keys. `wake` may be called by any thread."""

    def __init__(self, terminal: int, woken: int, waker: int) -> None:
        self._terminal = terminal
        self._woken = woken
        self._waker = waker

    def wake(self) -> None:
        """Let the one who waits look again."""
        try:
            os.write(self._waker, b"w")
        except BlockingIOError:
            return  # it is full of wakes, so one more says nothing new

    def wait(self, deadline: Deadline) -> list[str]:
        """The keys that were pressed, at the latest when the time is over; `ctrl c` where the terminal has gone."""
        ready, _, _ = select.select([self._terminal, self._woken], [], [], max(0.0, deadline.remaining()))
        keys = []
        if self._woken in ready:
            told = os.read(self._woken, _READ)
            keys = [RESIZED if b"r" in told else WOKEN]
        if self._terminal in ready:
            data = self._read()
            if data.endswith((b"\x1b", b"\x1b[", b"\x1bO")) and self._more():
                data += self._read()
            keys += keys_in(data) if data else ["ctrl c"]
        return keys

    def _read(self) -> bytes:
        try:
            return os.read(self._terminal, _READ)
        except OSError:  # the window was closed
            return b""

    def _more(self) -> bool:
        """Whether the rest of a sequence comes: over a network it may be torn. A lone Escape is a key."""
        return bool(select.select([self._terminal], [], [], _TORN)[0])


@contextmanager
def keyboard(terminal: int) -> Iterator[Keyboard]:
    """Keys of this terminal one by one, without their echo; afterwards all is as before, also after a signal."""
    before = termios.tcgetattr(terminal)
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def resized(_number: int, _frame: FrameType | None) -> None:
        try:
            os.write(waker, b"r")
        except BlockingIOError:
            return  # the one who waits is woken anyway

    try:
        with _signals({signal.SIGWINCH: resized, signal.SIGTERM: _leave, signal.SIGHUP: _leave}):
            tty.setcbreak(terminal)
            _take_control_keys(terminal)
            yield Keyboard(terminal, woken, waker)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(woken)
        os.close(waker)


def _take_control_keys(terminal: int) -> None:
    """Ctrl-C comes as a key, so that it ends nothing half way, and Ctrl-Z not at all: the screen would stay changed."""
    state = termios.tcgetattr(terminal)
    state[3] &= ~termios.ISIG
    termios.tcsetattr(terminal, termios.TCSADRAIN, state)


@contextmanager
def _signals(handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
