"""A terminal of the tests' own: a program runs in it, keys go in, and what stands on the screen is read."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_for

_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>()][0-9A-B]?")


class Terminal:
    """A program on a terminal of `size` rows and columns."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], size: tuple[int, int] = (24, 140)
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.raw = b""
        self.before = termios.tcgetattr(theirs)
        self.resize(size)
        told = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        command = ["setsid", "--ctty", *command]  # so that a closed window and a new size are told to it
        environ = {"TERM": "xterm", **told}
        self.process = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._ours)

    def resize(self, size: tuple[int, int]) -> None:
        """Another size of the window, which the program is told of."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def type(self, keys: str) -> None:
        """Press keys. What was read so far no longer counts for `shows`."""
        self._pump()
        self.raw = b""
        os.write(self._ours, keys.encode())

    def shows(self, text: str, seconds: float = 20.0) -> str:
        """Wait until this has been written since the last key; all that was."""
        wait_for(lambda: text in self._text(), seconds, what=f"{text!r} on the terminal")
        return self._text()

    def ended(self, seconds: float = 20.0) -> int:
        """The exit status, once the program has ended."""

        def status() -> int | None:
            self._pump()
            return None if self.process.poll() is None else self.process.returncode + 1000

        return wait_for(status, seconds, what="the program to end") - 1000

    def mode(self) -> list[object]:
        """How the terminal treats keys, as termios has it."""
        return list(termios.tcgetattr(self._ours))

    def _text(self) -> str:
        self._pump()
        return _ESCAPE.sub(b"", self.raw).decode(errors="replace")

    def _pump(self) -> None:
        while select.select([self._ours], [], [], 0)[0]:
            try:
                data = os.read(self._ours, 65_536)
            except OSError:  # nobody has the other end open
                return
            self.raw += data
